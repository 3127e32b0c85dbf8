import { spawn } from 'node:child_process';

/** Scripts of the package that look at the sources only. None changes a file, so they run beside one another. */
const SCRIPTS = ['typecheck', 'lint:rules', 'lint:format'] as const;

interface Outcome {
  readonly script: string;
  readonly code: number | null;
  readonly output: string;
}

/** Runs a script of the package. Its output is kept, so that those of two never mix. */
function run(script: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(`npm run --silent ${script}`, { stdio: ['ignore', 'pipe', 'pipe'], shell: true });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    child.once('error', (error) => resolve({ script, code: null, output: error.message }));
    child.once('close', (code) => resolve({ script, code, output }));
  });
}

/** `tsx test/static-checks.ts`: types, rules and format at once; fails when one of them does. */
async function main(): Promise<void> {
  for (const { script, code, output } of await Promise.all(SCRIPTS.map(run))) {
    process.stdout.write(`${script}: ${code === 0 ? 'passed' : 'failed'}\n${output}`);
    if (code !== 0) process.exitCode = 1;
  }
}

void main();
