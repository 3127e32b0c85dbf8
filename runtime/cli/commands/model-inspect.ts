import type { Command } from 'commander';
import type { Io } from '../io';
import { say, sayJson } from '../io';
import type { ModelSummary, ValueSummary } from '../model/summary';
import { textTable } from '../text-table';

const EXAMPLES = `
Nothing is executed and weights are stepped over. A model that a server refuses is described all the same, with the code
of the refusal.

Examples:
  lnmt model inspect model.onnx
  lnmt model inspect model.onnx --json | jq .refusals`;

/** Adds `lnmt model inspect`. */
export function registerModelInspect(model: Command, io: Io): void {
  model
    .command('inspect')
    .description('Say what an ONNX file holds, and whether a server would load it.')
    .argument('<file>', 'ONNX file')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, options: { readonly json?: boolean }) => {
      const { existingFile } = await import('../model/source.js');
      const { summarize } = await import('../model/summary.js');
      const summary = await summarize(existingFile(io.cwd, file));
      if (options.json) sayJson(io, summary);
      else await print(io, summary);
    });
}

const shapeText = ({ shape }: ValueSummary): string =>
  shape === null ? 'any shape' : `[${shape.map((size) => size ?? '?').join(', ')}]`;

async function print(io: Io, summary: ModelSummary): Promise<void> {
  const { size } = await import('../model/trial-text.js');
  const values = (['inputs', 'outputs'] as const).flatMap((side) =>
    summary[side].map((value) => [side.slice(0, -1), value.name, value.datatype, shapeText(value)]),
  );
  say(io, textTable([{ title: 'VALUE' }, { title: 'NAME' }, { title: 'TYPE' }, { title: 'SHAPE' }], values));
  say(io);
  const weights = summary.weights.map(({ datatype, constants, elements, bytes }) =>
    [datatype, constants, elements, bytes].map(String),
  );
  const numbers = ['CONSTANTS', 'ELEMENTS', 'BYTES'].map((title) => ({ title, number: true }));
  say(io, textTable([{ title: 'WEIGHTS' }, ...numbers], weights));
  say(io);
  const operators = Object.entries(summary.operators).map(([name, count]) => [name, String(count)]);
  say(io, textTable([{ title: 'OPERATOR' }, { title: 'COUNT', number: true }], operators));
  say(io);
  const sets = Object.entries(summary.operatorSets).map(([name, version]) => `${name || 'ai.onnx'} ${version}`);
  say(io, `format ${summary.irVersion}, operator sets: ${sets.join(', ')}`);
  say(io, `parameters: ${summary.parameters}, weights: ${size(summary.weightBytes)}`);
  say(io, `memory of a server: about ${size(summary.estimatedMemoryBytes)}`);
  if (summary.externalFiles.length > 0) say(io, `weights in other files: ${summary.externalFiles.join(', ')}`);
  for (const { code, what } of summary.refusals) say(io, `refused by servers: ${code}: ${what}`);
  if (summary.refusals.length === 0) say(io, 'a server loads it');
}
