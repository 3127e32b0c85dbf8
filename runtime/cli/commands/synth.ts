import path from 'node:path';
import type { Command } from 'commander';
import type { Io } from '../io';
import { say, sayJson } from '../io';
import { readOutput } from '../synth/output';
import type { StackOutput } from '../synth/output';
import { readProject } from '../synth/project';
import { runApp } from '../synth/run-app';
import { textTable } from '../text-table';

interface SynthOptions {
  readonly app?: string;
  readonly output?: string;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  lnmt synth                                   run the app of cdktf.json
  lnmt synth --app "npx tsx main.ts" --output build
  lnmt synth --json | jq -r '.stacks[].folder'`;

/** Adds `lnmt synth`. */
export function registerSynth(program: Command, io: Io): void {
  program
    .command('synth')
    .description('Run the program that cdktf.json names and list the stacks it wrote.')
    .option('--app <command>', 'command line of the program, instead of cdktf.json’s')
    .option('--output <dir>', 'output folder, instead of cdktf.json’s')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action((options: SynthOptions) => synth(io, options));
}

async function synth(io: Io, options: SynthOptions): Promise<void> {
  const project = readProject(io.cwd, options);
  const { output, seconds } = await runApp(io, project);
  const stacks = readOutput(output);
  const folder = path.relative(io.cwd, output) || '.';
  if (options.json) {
    sayJson(io, {
      output: folder,
      seconds: Number(seconds.toFixed(3)),
      stacks: stacks.map((stack) => entry(folder, stack)),
    });
    return;
  }
  const columns = [{ title: 'STACK' }, { title: 'RESOURCES', number: true }, { title: 'AFTER' }, { title: 'FILES' }];
  const rows = stacks.map(({ name, resources, dependencies, folder: own }) => [
    name,
    String(resources),
    dependencies.join(', ') || '-',
    path.join(folder, own),
  ]);
  say(io, textTable(columns, rows));
  say(io, `${stacks.length} stacks in ${folder}, ${seconds.toFixed(1)} s`);
}

function entry(folder: string, { name, folder: own, resources, dependencies, delivery }: StackOutput): object {
  const releases = delivery?.releases.map((release) => release.name);
  return { name, folder: path.join(folder, own), resources, dependencies, ...(releases ? { releases } : {}) };
}
