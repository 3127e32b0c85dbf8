import fs from 'node:fs';

/** Tells one state of a file from another; the state of no file is a state too. */
export function stateOf(file: string | undefined): string {
  const stat = file === undefined ? undefined : fs.statSync(file, { throwIfNoEntry: false });
  return stat ? [stat.dev, stat.ino, stat.size, stat.mtimeMs, stat.ctimeMs].join(':') : 'absent';
}

/** The code of what the system says, such as `ENOENT`; `unknown` where it says none. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
