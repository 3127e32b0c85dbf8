import { killAll } from './processes';
import { runSuite, summary } from './suite';
import type { Suite, Tally } from './suite';
import { suites } from './suites';

/** `tsx test/integration/run.ts [SUITE]...`: runs the named suites, or all, one after another. */
async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !suites.some((suite) => suite.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`no such suite: ${unknown.join(', ')} (there are ${suites.map((s) => s.name).join(', ')})\n`);
    return 2;
  }
  const chosen = suites.filter((suite: Suite) => names.length === 0 || names.includes(suite.name));
  const total: Tally = { passed: 0, failed: 0, skipped: 0 };
  for (const suite of chosen) {
    const tally = await runSuite(suite, (line) => process.stdout.write(`${line}\n`));
    for (const key of ['passed', 'failed', 'skipped'] as const) total[key] += tally[key];
    killAll();
  }
  process.stdout.write(`${summary(total)}\n`);
  return total.failed > 0 ? 1 : 0;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    killAll();
    process.exit(130);
  });

// An inherited value may name a file that does not exist; Terraform would then refuse every command.
delete process.env['TF_CLI_CONFIG_FILE'];

void main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    killAll();
    process.exit(2);
  },
);
