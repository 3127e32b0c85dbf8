import path from 'node:path';
import type { Command } from 'commander';
import { badInvocation } from '../errors';
import { untilInterrupted } from '../interrupt';
import type { Io } from '../io';
import { note, progress, say, sayJson } from '../io';
import { GATE_DEFAULTS } from '../model/gate';
import type { GateLimits } from '../model/gate';
import { numberOption, THREADS_MOST, wordOption } from '../model/numbers';
import type { QuantizeMode, QuantizeReport, QuantizeRequest } from '../model/quantize';
import type { Toolkit } from '../model/toolkit';

interface QuantizeOptions {
  readonly out: string;
  readonly mode: string;
  readonly perChannel?: boolean;
  readonly fullRange?: boolean;
  readonly embeddings?: boolean;
  readonly method: string;
  readonly calibration?: string;
  readonly keepIo: boolean;
  readonly keep?: readonly string[];
  readonly samples?: string;
  readonly output?: string;
  readonly maxDifference?: string;
  readonly maxRelativeError?: string;
  readonly minAgreement?: string;
  readonly maxAccuracyLoss?: string;
  readonly gate: boolean;
  readonly threads: string;
  readonly json?: boolean;
}

const MODES = ['dynamic', 'static', 'fp16'] as const;
/** Modes that an option is for, by its name in {@link QuantizeOptions}; others are for all of them. */
const MODES_OF: Readonly<Record<string, readonly QuantizeMode[]>> = {
  ...{ perChannel: ['dynamic', 'static'], fullRange: ['dynamic', 'static'], embeddings: ['dynamic'] },
  ...{ calibration: ['static'], method: ['static'], keepIo: ['fp16'], keep: ['fp16'] },
};
const METHODS = ['minmax', 'percentile', 'entropy'] as const;

const EXAMPLES = `
Modes:
  dynamic  INT8 weights of MatMul and Gemm; the other input is measured in each run. For encoders and decoders.
  static   INT8 weights and activations of Conv, MatMul, Gemm and sums of them, with ranges from samples. For images.
  fp16     half the size; computes in FP16 where that serves well. For GPUs; on most CPUs smaller, not faster.

INT8 weights have 7 bits: processors without VNNI add pairs of products in 16 bits, which then never overflow. Where all
servers have VNNI, --full-range rounds less.

Samples (--samples, --calibration): golden.json, JSON lines {"inputs": […], "label": 3}, CSV rows for a model with one
input (with one more column: its label), .npz with an array for each input (and "label"), or a folder of those.

The gate: the new model is written only when its answers to the samples are like those of the original; otherwise the
exit code is 1 and nothing is written. Without samples nobody knows, and --no-gate has to say that this is meant; with
samples and --no-gate the comparison is printed and decides nothing. NaN and infinity that are new never pass the gate.
The accuracy is measured where samples have a label for each row and an output names classes; who states
--max-accuracy-loss fails without.
An output with one number a row, as a price, names no choice that could be the same. It is held to its relative error,
the root of the mean square of the differences as a share of that of the numbers, which may be
${GATE_DEFAULTS.maxRelativeError} at most unless --max-relative-error or --max-difference says otherwise.

Examples:
  lnmt model quantize bert.onnx --out bert-int8.onnx --samples requests.jsonl --min-agreement 0.98
  lnmt model quantize resnet.onnx --out resnet-int8.onnx --mode static --per-channel \\
    --calibration train.npz --samples held-out.npz --max-accuracy-loss 0.005
  lnmt model quantize gpt.onnx --out gpt-fp16.onnx --mode fp16 --no-gate`;

/** Adds `lnmt model quantize`. */
export function registerModelQuantize(model: Command, io: Io): void {
  const quantize = model
    .command('quantize')
    .description('Write a smaller model: INT8 or FP16, held to the answers of the original.')
    .argument('<file>', 'ONNX file')
    .requiredOption('--out <file>', 'the new ONNX file, which must not exist')
    .option('--mode <mode>', MODES.join(', '), 'dynamic')
    .option('--samples <place>', 'file or folder of samples that the gate compares on');
  addModeOptions(quantize);
  quantize
    .option('--output <name>', 'the output that the gate judges and that names the class (default: all; found)')
    .option('--max-difference <number>', 'largest difference of two numbers (default: any)')
    .option(
      '--max-relative-error <share>',
      `largest relative error of an output (default: ${GATE_DEFAULTS.maxRelativeError} without choices; see below)`,
    )
    .option(
      '--min-agreement <share>',
      `least share of rows with the same choice (default: ${GATE_DEFAULTS.minAgreement})`,
    )
    .option(
      '--max-accuracy-loss <share>',
      `largest loss of accuracy on the labels (default: ${GATE_DEFAULTS.maxAccuracyLoss})`,
    )
    .option('--no-gate', 'write whatever comes out')
    .option('--threads <number>', 'threads of each run, 0 for those that onnxruntime chooses', '0')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action((file: string, options: QuantizeOptions) => {
      refuseOfOtherModes(quantize, wordOption('--mode', options.mode, MODES));
      return run(io, file, options);
    });
}

/** What an option asks for in vain is not what somebody gets. @throws LNMT6001 */
function refuseOfOtherModes(quantize: Command, mode: QuantizeMode): void {
  for (const option of quantize.options) {
    const name = option.attributeName();
    const modes = MODES_OF[name] ?? MODES;
    if (modes.includes(mode) || quantize.getOptionValueSource(name) !== 'cli') continue;
    const remedy = `leave it out, or choose --mode ${modes.join(' or ')}`;
    throw badInvocation(`${option.long} means nothing in this mode`, `--mode ${mode}`, remedy);
  }
}

function addModeOptions(quantize: Command): void {
  quantize
    .option('--per-channel', 'INT8: a scale for each output channel')
    .option('--full-range', 'INT8: weights of 8 bits instead of 7, for processors with VNNI; see below')
    .option('--embeddings', 'dynamic: also tables that Gather reads')
    .option('--calibration <place>', 'static: samples that the ranges come from (default: --samples)')
    .option('--method <method>', `static: ranges by ${METHODS.join(', ')}`, 'minmax')
    .option('--no-keep-io', 'fp16: inputs and outputs become FP16 too')
    .option('--keep <operators...>', 'fp16: operators that stay FP32');
}

function gateOf(options: QuantizeOptions): GateLimits | undefined {
  const maxDifference = numberOption('--max-difference', options.maxDifference, 0, Number.MAX_VALUE);
  const maxRelativeError = numberOption('--max-relative-error', options.maxRelativeError, 0, Number.MAX_VALUE);
  const minAgreement = numberOption('--min-agreement', options.minAgreement, 0, 1);
  const maxAccuracyLoss = numberOption('--max-accuracy-loss', options.maxAccuracyLoss, 0, 1);
  if (!options.gate) return undefined;
  return {
    ...(maxDifference === undefined ? {} : { maxDifference }),
    ...(maxRelativeError === undefined ? {} : { maxRelativeError }),
    ...(minAgreement === undefined ? {} : { minAgreement }),
    ...(maxAccuracyLoss === undefined ? {} : { maxAccuracyLoss }),
    ...(options.output === undefined ? {} : { output: options.output }),
  };
}

async function requestOf(io: Io, file: string, options: QuantizeOptions): Promise<QuantizeRequest> {
  const { existingFile, existingPlace } = await import('../model/source.js');
  const { placeOf } = await import('../write-file.js');
  const place = (name: string): string => existingPlace(io.cwd, name, 'a file or folder of samples');
  return {
    file: existingFile(io.cwd, file),
    out: placeOf(io.cwd, '--out', options.out),
    mode: wordOption('--mode', options.mode, MODES),
    method: wordOption('--method', options.method, METHODS),
    perChannel: options.perChannel ?? false,
    reduceRange: !(options.fullRange ?? false),
    embeddings: options.embeddings ?? false,
    keepIo: options.keepIo,
    keep: options.keep ?? [],
    gate: gateOf(options),
    ...(options.output === undefined ? {} : { output: options.output }),
    threads: numberOption('--threads', options.threads, 0, THREADS_MOST) ?? 0,
    ...(options.samples === undefined ? {} : { samples: place(options.samples) }),
    ...(options.calibration === undefined ? {} : { calibration: place(options.calibration) }),
  };
}

async function run(io: Io, file: string, options: QuantizeOptions): Promise<void> {
  const request = await requestOf(io, file, options);
  const { quantizeModel } = await import('../model/quantize.js');
  const { modelBytes } = await import('../model/checked.js');
  const { loadToolkit } = await import('../model/toolkit.js');
  const toolkit = (): Promise<Toolkit> => loadToolkit(io.cwd, 'lnmt model quantize');
  const report = await untilInterrupted(io, (signal) =>
    quantizeModel(request, { toolkit, progress: (line) => progress(io, line), signal }),
  );
  const before = modelBytes(request.file);
  if (options.json) sayJson(io, { out: request.out, mode: request.mode, originalBytes: before, ...report });
  else await print(io, request, before, report);
}

async function print(io: Io, request: QuantizeRequest, before: number, report: QuantizeReport): Promise<void> {
  const { size, trialText } = await import('../model/trial-text.js');
  const { gateText } = await import('../model/gate.js');
  const done = Object.entries(report.rewritten).map(([name, count]) => `${count} ${name}`);
  say(io, `rewrote ${done.join(', ')}`);
  for (const [reason, count] of Object.entries(report.left)) say(io, `left ${count} ${reason}`);
  for (const [what, count] of Object.entries(report.adjusted)) say(io, `${count} ${what}`);
  say(
    io,
    `size: ${size(report.bytes)} instead of ${size(before)}, ${(before / report.bytes).toFixed(2)} times smaller`,
  );
  if (report.trial) say(io, trialText(report.trial));
  if (report.trial && request.gate) for (const line of gateText(report.trial, request.gate)) say(io, line);
  if (request.gate === undefined) note(io, 'no gate: nothing was asked of the accuracy of the new model');
  say(io, `wrote ${report.files.map((name) => path.join(path.dirname(request.out), name)).join(' and ')}`);
}
