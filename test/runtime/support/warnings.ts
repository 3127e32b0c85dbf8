import { setImmediate as turn } from 'node:timers/promises';

/** What Node.js warned of while work was done: it would stand in the log of a server, between the lines of JSON. */
export async function warningsDuring(work: () => Promise<unknown>): Promise<readonly string[]> {
  const warnings: string[] = [];
  const note = ({ message }: Error): void => void warnings.push(message);
  process.on('warning', note);
  try {
    await work();
    await turn();
  } finally {
    process.off('warning', note);
  }
  return warnings;
}
