import type { DimensionOptions } from '../../inference/rewriter/dimensions';
import type { OnnxModel } from '../../inference/rewriter/model';
import { optimizeModel } from '../../inference/rewriter/optimize';
import type { OptimizeReport } from '../../inference/rewriter/optimize';
import { CliError } from '../failure';
import { inventedSamples, runTrial, samplesFor, writeChecked } from './checked';
import { notAccurate } from './errors';
import { evaluator } from './evaluate';
import { gateFailures } from './gate';
import type { Sample } from './samples';
import { openSource, rewriting } from './source';
import { Staging } from './staging';
import type { Toolkit } from './toolkit';
import type { TrialReport } from './trial';

/** A model to simplify. */
export interface OptimizeRequest {
  readonly file: string;
  readonly out: string;
  readonly dimensions: DimensionOptions;
  /** Where samples are. @default - inputs are invented */
  readonly samples?: string;
  /** Largest difference of two numbers. */
  readonly maxDifference: number;
  readonly threads: number;
}

/** What came of it. */
export interface OptimizeOutcome extends OptimizeReport {
  readonly bytes: number;
  readonly files: readonly string[];
  /** How both models compare. @default - `unverified` says why they could not be */
  readonly trial?: TrialReport;
  /** Why the models were not compared. @default - they were */
  readonly unverified?: string;
}

const NOT_COMPARED = 'no sample that it takes has the new sizes; the new model runs on others';
const REMEDY = 'name the dimensions as `lnmt model inspect` shows them';

async function samplesOf(request: OptimizeRequest, toolkit: Toolkit, model: OnnxModel): Promise<readonly Sample[]> {
  if (request.samples !== undefined) return samplesFor(toolkit, request.file, request.samples, request.threads);
  return inventedSamples(toolkit, request.file, model, 'the original model');
}

/** Samples of a model, or why there are none: a model that onnxruntime does not run as it is has nothing to compare. */
async function collect(
  request: OptimizeRequest,
  toolkit: Toolkit,
  model: OnnxModel,
): Promise<{ readonly samples: readonly Sample[]; readonly unverified?: string }> {
  try {
    return { samples: await samplesOf(request, toolkit, model) };
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== 'LNMT6036') throw error;
    return { samples: [], unverified: error.details.what };
  }
}

/** Samples that a model with other sizes still takes. */
function fitting(samples: readonly Sample[], inputs: OnnxModel['graph']['inputs']): Sample[] {
  return samples.filter((sample) =>
    sample.inputs.every(({ name, shape }) => {
      const wanted = inputs.find((each) => each.name === name)?.shape;
      return wanted === undefined || wanted.every((size, at) => typeof size !== 'number' || size === shape[at]);
    }),
  );
}

/**
 * Simplifies a model, and writes it when it computes the same as before.
 *
 * @param signal ends the work, so that nothing is left of it
 * @throws LNMT6005, LNMT6031, LNMT6032, LNMT6034 to LNMT6036, Interrupted
 */
export async function optimize(
  request: OptimizeRequest,
  toolkit: Toolkit,
  signal?: AbortSignal,
): Promise<OptimizeOutcome> {
  const staging = new Staging(request.out, signal);
  try {
    const model = await openSource(request.file, true);
    try {
      const { inputs } = model.graph;
      const { samples, unverified } = await collect(request, toolkit, model);
      const evaluate = evaluator(toolkit, () => staging.scratch());
      const report = await rewriting(request.file, REMEDY, () => optimizeModel(model, request.dimensions, evaluate));
      const written = await writeChecked(staging, model);
      let fit = fitting(samples, model.graph.inputs);
      if (fit.length === 0 && unverified === undefined) {
        // Whatever becomes of them: a model that runs on nothing of its sizes is not written.
        const invented = await inventedSamples(toolkit, staging.file, model, 'the new model');
        if (request.samples === undefined) fit = fitting(invented, inputs);
      }
      const trial = fit.length > 0 ? await compare(request, toolkit, staging, fit) : undefined;
      staging.publish();
      const reason = unverified ?? (fit.length === 0 ? NOT_COMPARED : undefined);
      return { ...report, ...written, ...(trial ? { trial } : {}), ...(reason ? { unverified: reason } : {}) };
    } finally {
      model.close();
    }
  } finally {
    staging.discard();
  }
}

async function compare(
  { file, threads, maxDifference }: OptimizeRequest,
  toolkit: Toolkit,
  staging: Staging,
  samples: readonly Sample[],
): Promise<TrialReport> {
  const trial = await runTrial(toolkit, { original: file, changed: staging.file, samples, threads });
  // Two equally likely classes may change places by rounding alone, so the numbers decide, where there are any.
  const failures = gateFailures(trial, { maxDifference, minAgreement: 0, minExactAgreement: 1 });
  if (failures.length > 0) throw notAccurate(failures);
  return trial;
}
