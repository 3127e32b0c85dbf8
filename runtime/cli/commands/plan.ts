import path from 'node:path';
import type { Command } from 'commander';
import { badInvocation } from '../errors';
import { ForeignError } from '../failure';
import type { Io } from '../io';
import { say, sayJson } from '../io';
import { at, list } from '../json';
import { readOutput } from '../synth/output';
import { planTable } from '../synth/plan-table';
import type { PlanRow } from '../synth/plan-table';
import { summarize } from '../synth/platforms';
import { outputFolder, readProject } from '../synth/project';
import { runApp } from '../synth/run-app';

interface PlanOptions {
  readonly app?: string;
  readonly output?: string;
  readonly allTargets?: boolean;
  readonly targets?: string;
  readonly synth: boolean;
  readonly json?: boolean;
}

/** Targets that `--all-targets` runs through when the project names none. */
const KNOWN_TARGETS = ['aws', 'onprem'] as const;

/** Entry of `context` in cdktf.json with the targets of the program. */
const TARGETS_CONTEXT = 'lnmt/targets';

const EXAMPLES = `
With --all-targets the program runs once a target, with LNMT_TARGET set to its name and an output folder of its own,
<output>/<target>. Targets are those of --targets, else of "context": { "${TARGETS_CONTEXT}": ["aws", "onprem"] } in
cdktf.json, else ${KNOWN_TARGETS.join(' and ')}. A target that refuses the description is a row with the reason; the exit code is 3.

Examples:
  lnmt plan                                    what the program comes to
  lnmt plan --no-synth                         the same, from existing output
  lnmt plan --all-targets                      the targets side by side
  lnmt plan --targets aws,onprem --json`;

/** Adds `lnmt plan`. */
export function registerPlan(program: Command, io: Io): void {
  program
    .command('plan')
    .description('Synthesize and show what each platform comes to: resources, objects, releases, declared gaps.')
    .option('--app <command>', 'command line of the program, instead of cdktf.json’s')
    .option('--output <dir>', 'output folder, instead of cdktf.json’s')
    .option('--all-targets', 'run the program once for each target')
    .option('--targets <names>', 'run the program once for each of these targets, separated by commas')
    .option('--no-synth', 'read existing output')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action((options: PlanOptions) => plan(io, options));
}

async function plan(io: Io, options: PlanOptions): Promise<void> {
  const rows: PlanRow[] = [];
  const refusals: ForeignError[] = [];
  for (const target of targetsOf(io, options) ?? [undefined]) {
    const planned = await planTarget(io, options, target);
    if (planned instanceof ForeignError) {
      refusals.push(planned);
      rows.push(refusedRow(target ?? '-', planned.message));
    } else rows.push(...planned);
  }
  if (options.json) sayJson(io, { rows });
  else say(io, planTable(rows));
  const [first] = refusals;
  if (first !== undefined) throw first;
}

function targetsOf(io: Io, options: PlanOptions): readonly string[] | undefined {
  if (options.targets !== undefined) {
    const named = options.targets.split(',').map((name) => name.trim());
    if (named.every((name) => /^[a-z0-9][a-z0-9-]*$/.test(name))) return [...new Set(named)];
    throw badInvocation(
      '--targets takes names separated by commas',
      options.targets,
      'write e.g. --targets aws,onprem',
    );
  }
  if (!options.allTargets) return undefined;
  const named = list(at(readProject(io.cwd, options).context, TARGETS_CONTEXT)).map(String);
  return named.length > 0 ? named : KNOWN_TARGETS;
}

async function planTarget(io: Io, options: PlanOptions, target: string | undefined): Promise<PlanRow[] | ForeignError> {
  const base = outputFolder(io.cwd, options.output);
  const output = target === undefined ? base : path.join(base, target);
  if (!options.synth) return rowsOf(io, path.resolve(io.cwd, output), undefined);
  try {
    const { seconds } = await runApp(io, { ...readProject(io.cwd, options), output }, target);
    return rowsOf(io, path.resolve(io.cwd, output), seconds);
  } catch (error) {
    // What another target comes to is still worth knowing.
    if (error instanceof ForeignError && target !== undefined) return error;
    throw error;
  }
}

function rowsOf(io: Io, output: string, seconds: number | undefined): PlanRow[] {
  const folder = path.relative(io.cwd, output) || '.';
  return summarize(readOutput(output)).map((summary) => ({
    ...summary,
    folder,
    ...(seconds === undefined ? {} : { seconds: Number(seconds.toFixed(3)) }),
  }));
}

function refusedRow(target: string, refused: string): PlanRow {
  const nothing = { terraformResources: 0, kubernetesObjects: 0, helmReleases: 0, gaps: {}, stacks: [] };
  return { target, platform: '-', ...nothing, folder: '-', refused };
}
