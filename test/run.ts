import { spawn } from 'node:child_process';
import os from 'node:os';

/** How far the linter, which takes longest, gives way to what runs beside it. */
const LINT_NICENESS = 5;

interface Outcome {
  readonly script: string;
  readonly code: number | null;
  /** What it printed, unless that was seen already. */
  readonly output: string;
}

/** Runs a script of the package. Unless it is `seen`, its output is kept, so that those of two never mix. */
function run(script: string, { seen = false, niceness = 0 } = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const stdio = seen ? 'inherit' : 'pipe';
    const child = spawn(`npm run --silent ${script}`, { stdio: ['ignore', stdio, stdio], shell: true });
    if (child.pid !== undefined && niceness > os.getPriority()) os.setPriority(child.pid, niceness);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    child.once('error', (error) => resolve({ script, code: null, output: error.message }));
    child.once('close', (code) => resolve({ script, code, output }));
  });
}

/**
 * `tsx test/run.ts`: types, format, rules and tests; fails when one of them does. None of them changes a file, so that
 * no core waits for the linter: the tests begin when types and format are known.
 */
async function main(): Promise<void> {
  const rules = run('lint:rules', { niceness: LINT_NICENESS });
  const quick = await Promise.all([run('typecheck'), run('lint:format')]);
  const tests = await run('unit', { seen: true });
  for (const { script, code, output } of [...quick, await rules, tests]) {
    process.stdout.write(`${output}${script}: ${code === 0 ? 'passed' : 'failed'}\n`);
    if (code !== 0) process.exitCode = 1;
  }
}

void main();
