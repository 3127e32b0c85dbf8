import type { Command } from 'commander';
import type { CheckContext, CheckResult, DoctorTarget } from '../doctor/check';
import { badInvocation, prerequisitesMissing } from '../errors';
import type { Io } from '../io';
import { progress, say, sayJson } from '../io';
import { textTable } from '../text-table';

interface DoctorOptions {
  readonly target?: string;
  readonly json?: boolean;
}

const EXAMPLES = `
ok: found. warn: something will not work. fail: required and missing; the exit code is 4. skip: could not be asked.
Nothing is changed, and no question takes longer than a few seconds.

Examples:
  lnmt doctor
  lnmt doctor --target aws
  lnmt doctor --json | jq '.checks[] | select(.status != "ok")'`;

/** Adds `lnmt doctor`. */
export function registerDoctor(program: Command, io: Io): void {
  program
    .command('doctor')
    .description('Check what is installed, who you are and what can be reached.')
    .option('--target <name>', 'where you deploy to: aws or onprem')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action((options: DoctorOptions) => doctor(io, options));
}

async function doctor(io: Io, options: DoctorOptions): Promise<void> {
  const { DOCTOR_TARGETS } = await import('../doctor/check.js');
  const target = DOCTOR_TARGETS.find((name) => name === options.target);
  if (options.target !== undefined && target === undefined) {
    throw badInvocation('--target names no target', options.target, `name one of ${DOCTOR_TARGETS.join(', ')}`);
  }
  progress(io, 'asking');
  const results = await runChecks({ io, ...(target === undefined ? {} : { target }) });
  print(io, results, target, options.json ?? false);
  const failed = results.filter(({ status }) => status === 'fail').map(({ name }) => name);
  if (failed.length > 0) throw prerequisitesMissing(failed);
}

async function runChecks(context: CheckContext): Promise<readonly CheckResult[]> {
  const tools = await import('../doctor/tools.js');
  const access = await import('../doctor/access.js');
  const checks = [
    tools.nodeCheck,
    ...tools.toolChecks,
    tools.containerCheck,
    tools.serverCheck,
    access.awsCredentials,
    ...access.awsGpuQuotas,
    access.clusterCheck,
  ];
  return Promise.all(checks.map((check) => check(context)));
}

function print(io: Io, checks: readonly CheckResult[], target: DoctorTarget | undefined, json: boolean): void {
  if (json) {
    sayJson(io, { target: target ?? null, checks });
    return;
  }
  const columns = [{ title: 'CHECK' }, { title: 'STATUS' }, { title: 'FOUND' }];
  say(
    io,
    textTable(
      columns,
      checks.map(({ name, status, detail }) => [name, status, detail]),
    ),
  );
  const remedies = checks.filter(({ remedy }) => remedy !== undefined);
  if (remedies.length > 0) say(io);
  for (const { name, remedy } of remedies) say(io, `${name}: ${remedy}`);
}
