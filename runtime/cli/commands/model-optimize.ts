import path from 'node:path';
import type { Command } from 'commander';
import type { DimensionOptions } from '../../inference/rewriter/dimensions';
import { badInvocation } from '../errors';
import { untilInterrupted } from '../interrupt';
import type { Io } from '../io';
import { note, progress, say, sayJson } from '../io';
import { numberOption, THREADS_MOST } from '../model/numbers';
import type { OptimizeOutcome } from '../model/optimize';

interface OptimizeOptions {
  readonly out: string;
  readonly batchDim?: string;
  readonly dim?: readonly string[];
  readonly samples?: string;
  readonly maxDifference: string;
  readonly threads: string;
  readonly json?: boolean;
}

const SIZE_MOST = 2 ** 31 - 1;
/** Classes that are named on the screen. */
const MOST_CLASSES = 20;

const EXAMPLES = `
Wraps BF16 inputs and outputs with Cast, so that a server takes them as FP32; gives scores as a tensor where ZipMap makes
maps of them, as exporters of scikit-learn, LightGBM and XGBoost do; removes Identity, Dropout, Cast without
effect, constants that are there twice and what nothing uses; computes what depends on constants alone. What onnxruntime
does itself when it loads a model is left to it. A second run changes nothing.

The new model is written only when it answers samples (invented ones, without --samples) as the original does. Where none
has the new sizes, it has to run on invented ones that do; where onnxruntime cannot run the original, as with BF16, nothing
is compared. The answer says so.

Examples:
  lnmt model optimize exported.onnx --out model.onnx
  lnmt model optimize model.onnx --out fixed.onnx --batch-dim 8 --dim sequence=128
  lnmt model optimize fixed.onnx --out open.onnx --batch-dim batch`;

/** Adds `lnmt model optimize`. */
export function registerModelOptimize(model: Command, io: Io): void {
  model
    .command('optimize')
    .description('Write a simpler model that computes the same.')
    .argument('<file>', 'ONNX file')
    .requiredOption('--out <file>', 'the new ONNX file, which must not exist')
    .option('--batch-dim <size>', 'rows of inputs and outputs: a number, or a name that leaves it open')
    .option('--dim <name=size...>', 'fix an open dimension by its name')
    .option('--samples <place>', 'file or folder of samples, as for lnmt model quantize')
    .option('--max-difference <number>', 'largest difference of two numbers', '0.0001')
    .option('--threads <number>', 'threads of each run, 0 for those that onnxruntime chooses', '0')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action((file: string, options: OptimizeOptions) => run(io, file, options));
}

function dimensionsOf({ batchDim, dim = [] }: OptimizeOptions): DimensionOptions {
  const sizes = dim.map((text): [string, number] => {
    const [, name = '', size] = /^([^=]+)=(.*)$/.exec(text) ?? [];
    if (name === '') throw badInvocation('--dim takes NAME=SIZE', JSON.stringify(text), 'correct it');
    return [name, wholeSize('--dim', size)];
  });
  if (batchDim === '') throw badInvocation('--batch-dim is empty', undefined, 'write a number, or a name');
  const isNumber = batchDim !== undefined && /^[-+.\d]/.test(batchDim);
  const batch = isNumber ? wholeSize('--batch-dim', batchDim) : batchDim;
  return { sizes: Object.fromEntries(sizes), ...(batch === undefined ? {} : { batch }) };
}

function wholeSize(option: string, text: string | undefined): number {
  const size = numberOption(option, text ?? '', 1, SIZE_MOST) ?? 1;
  if (Number.isInteger(size)) return size;
  throw badInvocation(`${option} takes a whole number`, text, 'correct it');
}

async function run(io: Io, file: string, options: OptimizeOptions): Promise<void> {
  const { existingFile, existingPlace } = await import('../model/source.js');
  const { placeOf } = await import('../write-file.js');
  const { optimize } = await import('../model/optimize.js');
  const { modelBytes } = await import('../model/checked.js');
  const { loadToolkit } = await import('../model/toolkit.js');
  const samples = options.samples;
  const request = {
    file: existingFile(io.cwd, file),
    out: placeOf(io.cwd, '--out', options.out),
    dimensions: dimensionsOf(options),
    maxDifference: numberOption('--max-difference', options.maxDifference, 0, Number.MAX_VALUE) ?? 0,
    threads: numberOption('--threads', options.threads, 0, THREADS_MOST) ?? 0,
    ...(samples === undefined ? {} : { samples: existingPlace(io.cwd, samples, 'a file or folder of samples') }),
  };
  progress(io, `simplifying ${file}`);
  const toolkit = await loadToolkit(io.cwd, 'lnmt model optimize');
  const outcome = await untilInterrupted(io, (signal) => optimize(request, toolkit, signal));
  const before = modelBytes(request.file);
  if (options.json) sayJson(io, { out: request.out, originalBytes: before, ...outcome });
  else await print(io, request.out, before, outcome);
}

async function print(io: Io, out: string, before: number, outcome: OptimizeOutcome): Promise<void> {
  const { size, trialText } = await import('../model/trial-text.js');
  const done: readonly (readonly [number, string])[] = [
    [outcome.wrapped, 'inputs and outputs of BF16 are FP32 now'],
    [outcome.resized, 'inputs and outputs have other sizes'],
    [outcome.passedThrough, 'nodes without effect removed'],
    [outcome.folded, 'nodes of constants computed'],
    [outcome.joined, 'constants joined with others'],
    [outcome.unused, 'unused nodes and constants removed'],
  ];
  for (const { output, classes } of outcome.unzipped) {
    const shown = classes.length > MOST_CLASSES ? [...classes.slice(0, MOST_CLASSES), '…'] : classes;
    say(io, `${output} is a tensor now, with a column for each class: ${shown.join(', ')}`);
  }
  const lines = done.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const isSame = lines.length + outcome.unzipped.length === 0;
  for (const line of isSame ? ['there was nothing to simplify'] : lines) say(io, line);
  if (outcome.unfolded !== undefined) note(io, `constants were left as they are: ${outcome.unfolded}`);
  say(io, `size: ${size(outcome.bytes)} instead of ${size(before)}`);
  if (outcome.trial) say(io, trialText(outcome.trial));
  if (outcome.unverified !== undefined) note(io, `not compared with the original: ${outcome.unverified}`);
  say(io, `wrote ${outcome.files.map((name) => path.join(path.dirname(out), name)).join(' and ')}`);
}
