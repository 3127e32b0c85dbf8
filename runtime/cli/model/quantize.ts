import type { CalibrationMethod } from '../../inference/rewriter/calibration';
import { quantizeDynamic } from '../../inference/rewriter/dynamic';
import { toFloat16 } from '../../inference/rewriter/half';
import type { OnnxModel } from '../../inference/rewriter/model';
import type { WeightScheme } from '../../inference/rewriter/quantizer';
import type { RewriteReport } from '../../inference/rewriter/rewriting';
import { activationsToMeasure, quantizeStatic } from '../../inference/rewriter/static';
import { badInvocation } from '../errors';
import { editDistance, nearest } from '../near';
import { calibrate } from './calibrate';
import { runTrial, samplesFor, writeChecked } from './checked';
import { notAccurate, samplesMissing } from './errors';
import { GATE_DEFAULTS, gateFailures, relativeLimits } from './gate';
import type { GateLimits } from './gate';
import type { Sample } from './samples';
import { openSource, rewriting } from './source';
import { Staging } from './staging';
import type { Toolkit } from './toolkit';
import type { TrialReport } from './trial';

/** How a model becomes smaller. */
export type QuantizeMode = 'dynamic' | 'static' | 'fp16';

/** A model to make smaller. */
export interface QuantizeRequest extends WeightScheme {
  readonly file: string;
  readonly out: string;
  readonly mode: QuantizeMode;
  readonly embeddings: boolean;
  readonly keepIo: boolean;
  /** Operators that stay FP32, in FP16 mode. */
  readonly keep: readonly string[];
  /** Where the samples are. @default - none */
  readonly samples?: string;
  /** Samples of the calibration. @default - those */
  readonly calibration?: string;
  readonly method: CalibrationMethod;
  /** Output that names the class, and that the gate judges. @default - found; all */
  readonly output?: string;
  /** Limits of the gate; undefined without one. */
  readonly gate: GateLimits | undefined;
  readonly threads: number;
}

/** What came of it. */
export interface QuantizeReport extends RewriteReport {
  /** Bytes of the new model. */
  readonly bytes: number;
  readonly files: readonly string[];
  /** What the samples say. @default - there were none */
  readonly trial?: TrialReport;
  /** What the trial was held to. @default - there was no gate */
  readonly gate?: GateLimits & {
    /** Largest relative error by output, where the gate has one. */
    readonly relativeErrors: Readonly<Record<string, number>>;
  };
}

/** What the work needs from outside. */
export interface QuantizeContext {
  /** Loads onnxruntime. */
  readonly toolkit: () => Promise<Toolkit>;
  readonly progress: (line: string) => void;
  /** Ends the work, so that nothing is left of it. @default - nobody does */
  readonly signal?: AbortSignal;
}

function checkSamples({ mode, samples, calibration, gate }: QuantizeRequest): void {
  if (mode === 'static' && samples === undefined && calibration === undefined) {
    throw samplesMissing(
      'static quantization',
      'pass some with --samples: the ranges of the activations come from them',
    );
  }
  if (gate !== undefined && samples === undefined) {
    throw samplesMissing('the accuracy gate', 'pass some with --samples, or write without a gate: --no-gate');
  }
}

/** A name that no output has would leave nothing to be judged. */
function checkOutput({ output }: QuantizeRequest, { graph }: OnnxModel): void {
  const names = graph.outputs.map(({ name }) => name);
  if (output === undefined || names.includes(output)) return;
  throw badInvocation('--output names no output of the model', output, `name one of ${names.join(', ')}`);
}

/** Letters of a name that may be wrong. */
const SLIPS = 2;

/** An operator that the model does not have would be kept in vain. */
function checkKeep({ keep }: QuantizeRequest, { graph }: OnnxModel): void {
  const operators = new Set([...graph.all()].flatMap(({ nodes }) => nodes.map(({ operator }) => operator)));
  const absent = keep.find((name) => !operators.has(name));
  if (absent === undefined) return;
  const distance = (name: string): number => editDistance(name.toLowerCase(), absent.toLowerCase());
  const near = nearest(operators, distance, SLIPS);
  const remedy =
    near.length > 0 ? `did you mean ${near.join(' or ')}?` : `name some of ${[...operators].sort().join(', ')}`;
  throw badInvocation('--keep names no operator of the model', absent, remedy);
}

/** A loss of accuracy that nobody could measure was not held. */
function held(trial: TrialReport, limits: GateLimits): Pick<QuantizeReport, 'gate'> {
  const { minAgreement, maxAccuracyLoss } = GATE_DEFAULTS;
  const relativeErrors = relativeLimits(trial, limits);
  const loss = trial.accuracy === undefined ? {} : { maxAccuracyLoss };
  return { gate: { minAgreement, ...loss, ...limits, relativeErrors } };
}

const OTHER_MODES: Readonly<Record<QuantizeMode, string>> = {
  dynamic: 'try --mode static for convolutions, or --mode fp16',
  static: 'try --mode fp16',
  fp16: 'serve the model as it is',
};

async function rewrite(
  request: QuantizeRequest,
  model: OnnxModel,
  staging: Staging,
  samples: readonly Sample[],
  { toolkit, progress }: QuantizeContext,
): Promise<RewriteReport> {
  if (request.mode === 'dynamic') return quantizeDynamic(model, request);
  if (request.mode === 'fp16') return toFloat16(model, request);
  const { file, method, threads } = request;
  const names = activationsToMeasure(model, request);
  progress(`measuring ${names.length} activations on ${samples.length} samples`);
  const scratch = staging.scratch();
  return quantizeStatic(
    model,
    await calibrate(await toolkit(), names, { file, scratch, samples, method, threads }),
    request,
  );
}

/**
 * Makes a model smaller, and writes it when it passes the gate. Whatever fails, nothing is left behind.
 *
 * @throws LNMT6001, LNMT6005, LNMT6031 to LNMT6036, Interrupted
 */
export async function quantizeModel(request: QuantizeRequest, context: QuantizeContext): Promise<QuantizeReport> {
  checkSamples(request);
  const { file, threads, gate } = request;
  const staging = new Staging(request.out, context.signal);
  try {
    const model = await openSource(file);
    try {
      checkOutput(request, model);
      checkKeep(request, model);
      const read = async (place: string | undefined): Promise<readonly Sample[]> =>
        place === undefined ? [] : samplesFor(await context.toolkit(), file, place, threads);
      const samples = await read(request.samples);
      const isApart = request.mode === 'static' && request.calibration !== undefined;
      const measured = isApart ? await read(request.calibration) : samples;
      context.progress('rewriting the model');
      const report = await rewriting(file, OTHER_MODES[request.mode], () =>
        rewrite(request, model, staging, measured, context),
      );
      const written = await writeChecked(staging, model);
      const trial = samples.length > 0 ? await judge(request, staging, samples, context) : undefined;
      const failures = trial && gate ? gateFailures(trial, gate) : [];
      if (failures.length > 0) throw notAccurate(failures);
      staging.publish();
      return { ...report, ...written, ...(trial ? { trial } : {}), ...(trial && gate ? held(trial, gate) : {}) };
    } finally {
      model.close();
    }
  } finally {
    staging.discard();
  }
}

async function judge(
  { file, threads, output }: QuantizeRequest,
  staging: Staging,
  samples: readonly Sample[],
  { toolkit, progress }: QuantizeContext,
): Promise<TrialReport> {
  progress(`comparing both models on ${samples.length} samples`);
  const request = { original: file, changed: staging.file, samples, threads, ...(output ? { output } : {}) };
  return runTrial(await toolkit(), request);
}
