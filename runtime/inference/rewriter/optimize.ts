import { wrapBfloat16 } from './bfloat16';
import { dropDefaultInputs } from './constants';
import { setDimensions } from './dimensions';
import type { DimensionOptions } from './dimensions';
import { joinConstants, removePassThrough } from './eliminate';
import { foldConstants } from './fold';
import type { Evaluate } from './fold';
import type { OnnxModel } from './model';
import { sweep } from './uses';
import { unzipMaps } from './zip-map';
import type { UnzippedOutput } from './zip-map';

/** What was done to a model, in numbers. */
export interface OptimizeReport {
  /** Inputs and outputs of BF16 that are FP32 now. */
  readonly wrapped: number;
  /** Outputs of maps that are tensors now. */
  readonly unzipped: readonly UnzippedOutput[];
  /** Inputs and outputs whose sizes changed. */
  readonly resized: number;
  /** Nodes that gave their input back. */
  readonly passedThrough: number;
  /** Nodes that computed with constants alone. */
  readonly folded: number;
  /** Why nothing could be folded. @default - nothing was in the way */
  readonly unfolded?: string;
  /** Constants that there were twice. */
  readonly joined: number;
  /** Nodes and constants that nothing used. */
  readonly unused: number;
}

/** One removal makes room for another; a graph that needs more rounds is finished by another run. */
const MOST_ROUNDS = 32;

/**
 * Simplifies a model without changing what it computes. What onnxruntime does itself when it loads a model, such as
 * joining operations, is left to it. A second run changes nothing.
 *
 * @throws RewriteError
 */
export async function optimizeModel(
  model: OnnxModel,
  dimensions: DimensionOptions,
  evaluate: Evaluate,
): Promise<OptimizeReport> {
  dropDefaultInputs(model.graph);
  const wrapped = wrapBfloat16(model);
  const unzipped = unzipMaps(model);
  const resized = setDimensions(model, dimensions);
  const sums = { passedThrough: 0, folded: 0, joined: 0, unused: 0 };
  let unfolded: string | undefined;
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const unused = sweep(model.graph);
    const passedThrough = removePassThrough(model);
    const folded = unfolded === undefined ? await foldConstants(model, evaluate).catch(note) : 0;
    const joined = joinConstants(model.graph);
    sums.unused += unused;
    sums.passedThrough += passedThrough;
    sums.folded += folded;
    sums.joined += joined;
    if (unused + passedThrough + folded + joined === 0) break;
  }
  return { wrapped, unzipped, resized, ...sums, ...(unfolded === undefined ? {} : { unfolded }) };

  function note(error: unknown): number {
    unfolded = error instanceof Error ? error.message : String(error);
    return 0;
  }
}
