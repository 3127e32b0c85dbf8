import { InferenceSession, Tensor } from 'onnxruntime-node';
import { banned, isTaken, mutant } from './mutants';

/** `mutants-main.ts bytes|banned FROM TO`: inspects a range of mutants, and runs what the inspector takes of `bytes`. */
const [kind, from, to] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];

const FEEDS: Readonly<Record<string, Tensor>> = {
  x: new Tensor('float32', Float32Array.of(1, 2), [1, 2]),
  turns: new Tensor('int64', BigInt64Array.of(3n), [1]),
  index: new Tensor('int64', BigInt64Array.of(0n), [1]),
};

const tell = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);

async function runs(bytes: Uint8Array): Promise<boolean> {
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 4 });
  try {
    const feeds = Object.fromEntries(session.inputNames.map((name) => [name, FEEDS[name] ?? FEEDS['x']] as const));
    await session.run(feeds as Record<string, Tensor>);
    return true;
  } finally {
    await session.release();
  }
}

async function main(): Promise<void> {
  const result = { inspected: 0, accepted: 0, ran: 0, faults: [] as string[], falseAccepts: [] as string[] };
  for (let index = from; index < to; index += 1) {
    const bytes = kind === 'banned' ? banned(index) : mutant(index);
    if (index % 250 === 0) tell({ at: index });
    try {
      result.inspected += 1;
      if (!isTaken(bytes)) continue;
    } catch (error) {
      result.faults.push(`${kind} ${index}: ${String(error)}`);
      continue;
    }
    result.accepted += 1;
    if (kind === 'banned') {
      result.falseAccepts.push(`${kind} ${index}`);
      continue;
    }
    tell({ at: index });
    if (await runs(bytes).catch(() => false)) result.ran += 1;
  }
  tell({ result });
}

void main();
