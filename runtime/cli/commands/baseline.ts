import fs from 'node:fs';
import readline from 'node:readline';
import type { Command } from 'commander';
import { DRIFT_BASELINE } from '../../contract';
import type { Io } from '../io';
import { progress, say, sayJson } from '../io';
import { placeOf, writeDurably } from '../write-file';

interface BaselineOptions {
  readonly out: string;
  readonly feature?: readonly string[];
  readonly json?: boolean;
}

const EXAMPLES = `
A record is a line of JSON with the tensors of a request and of its answer, as the payload log of the server has them:
{"inputs": [{"name", "datatype", "shape", "data"}], "outputs": [...]}. Where no feature is named, every element of rows of
up to 16 is one, and the mean of wider rows; each takes ${DRIFT_BASELINE.minRows} rows or more. The file goes beside the graph, and with it into the
store; one that is there is replaced. Records of requests that carry text (those with "operation") are passed over: their
texts and embeddings are no tensors of the model.

Examples:
  lnmt model baseline payload.jsonl --out model/${DRIFT_BASELINE.file}
  lnmt model baseline payload.jsonl --feature 'inputs.x[0]' --feature 'outputs.scores[mean]'`;

/** Adds `lnmt model baseline`. @param model the command `model` */
export function registerBaseline(model: Command, io: Io): void {
  model
    .command('baseline')
    .description('Make the drift baseline of a model from records of requests and answers.')
    .argument('<records>', 'file with one record a line')
    .option('--out <file>', 'file to write', DRIFT_BASELINE.file)
    .option('--feature <name...>', 'features to watch, e.g. inputs.x[0]')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action((records: string, options: BaselineOptions) => baseline(io, records, options));
}

async function baseline(io: Io, records: string, options: BaselineOptions): Promise<void> {
  const { existingFile } = await import('../model/source.js');
  const source = existingFile(io.cwd, records, 'a file with records');
  const out = placeOf(io.cwd, '--out', options.out);
  const { BaselineBuilder, parseFeature } = await import('../model/baseline.js');
  const builder = new BaselineBuilder((options.feature ?? []).map(parseFeature));
  progress(io, `reading ${records}`);
  let line = 0;
  for await (const text of readline.createInterface({ input: fs.createReadStream(source), crlfDelay: Infinity })) {
    line += 1;
    if (text.trim() !== '') builder.add(text, line);
  }
  const made = builder.build();
  writeDurably(out, `${JSON.stringify(made)}\n`);
  const { records: used, texts } = builder;
  const told = { out: options.out, records: used, features: made.features.length, texts };
  if (options.json) sayJson(io, told);
  else {
    const passed = texts > 0 ? `; ${texts} records of text passed over` : '';
    say(io, `${told.features} features of ${told.records} records written to ${told.out}${passed}`);
  }
}
