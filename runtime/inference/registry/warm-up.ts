import type { ModelSignature } from '../backends/backend';
import type { Cancellation } from '../../shared/cancellation';
import { ModelError } from '../errors';
import { isOutOfMemory, isRefusal } from '../errors';
import { checkInputs } from '../signature';
import type { InferenceRequest } from '../tensors/request';
import type { Tensor } from '../tensors/tensor';
import { allFinite, difference } from './compare';
import type { GoldenCase } from './golden';

/** Answers requests: a loaded model. */
export interface Answering {
  infer(request: InferenceRequest, signal: Cancellation): Promise<readonly Tensor[]>;
}

/** A new model is refused when it takes this many times as long as the one that it replaces, and this much longer. */
const SLOWDOWN = { factor: 10, leastMs: 200 } as const;

const never = new AbortController().signal;

const wrong = (what: string, cause?: unknown): ModelError => new ModelError('LNMT8307', what, false, cause);

interface Timed {
  readonly outputs: readonly Tensor[] | undefined;
  readonly ms: number;
}

/** Runs a request; a refusal of its values is an answer, too. */
async function timed(model: Answering, request: InferenceRequest, now: () => number): Promise<Timed> {
  const started = now();
  try {
    const outputs = await model.infer(request, never);
    return { outputs, ms: now() - started };
  } catch (error) {
    if (!isRefusal(error) && !isOutOfMemory(error)) throw error;
    return { outputs: undefined, ms: now() - started };
  }
}

/** The recorded requests that fit a signature: one that was made for another says nothing of the model. */
export function fitting(samples: readonly InferenceRequest[], signature: ModelSignature): readonly InferenceRequest[] {
  return samples.filter(({ inputs }) => {
    try {
      checkInputs(inputs, signature);
      return true;
    } catch {
      return false;
    }
  });
}

/** Holds a model to its golden answers. @throws ModelError that names the first difference */
export async function checkGolden(model: Answering, cases: readonly GoldenCase[]): Promise<void> {
  for (const [index, { request, expected, tolerance }] of cases.entries()) {
    let outputs: readonly Tensor[];
    try {
      outputs = await model.infer(request, never);
    } catch (error) {
      throw wrong(`cases[${index}] cannot be run: ${error instanceof Error ? error.message : String(error)}`, error);
    }
    for (const tensor of expected) {
      const found = difference(
        outputs.find(({ name }) => name === tensor.name),
        tensor,
        tolerance,
      );
      if (found !== undefined) throw wrong(`cases[${index}]: ${found}`);
    }
  }
}

/** What a new model is held against. */
export interface WarmUpOptions {
  /** The model before it. @default - there is none */
  readonly previous: Answering | undefined;
  /** Milliseconds that a run of the new model took when it was measured. @default - nobody measured it */
  readonly measuredMs?: number | undefined;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
}

/** True for a run that takes far longer than that of the model before. */
const isSlower = (ms: number, before: number): boolean => ms > SLOWDOWN.leastMs + SLOWDOWN.factor * before;

/**
 * Runs recorded requests on a new model before it serves, twice: the first run pays for what is made at first use. Only
 * where it was measured to be far too slow before, that run is no excuse. A model that now answers NaN, refuses, or
 * takes much longer than the one before is refused.
 *
 * @param samples those that fit its signature
 * @throws ModelError
 */
export async function warmUp(
  next: Answering,
  samples: readonly InferenceRequest[],
  { previous, measuredMs = 0, now }: WarmUpOptions,
): Promise<void> {
  let compared = previous;
  for (const sample of samples) {
    const first = await timed(next, sample, now);
    // One that is down, or had to leave the memory meanwhile, says nothing of the model that comes after it.
    const before = compared && (await timed(compared, sample, now).catch(() => (compared = undefined)));
    const isKnown = before !== undefined && isSlower(Math.min(first.ms, measuredMs), before.ms);
    const got = isKnown ? first : await timed(next, sample, now);
    if (before === undefined) continue;
    if (got.outputs === undefined && before.outputs !== undefined) {
      throw wrong('it refuses a recorded request that the model before it answered');
    }
    if (!(await allFinite(got.outputs ?? [])) && (await allFinite(before.outputs ?? []))) {
      throw wrong('it answers a recorded request with NaN or infinity, the model before it did not');
    }
    if (isSlower(got.ms, before.ms)) {
      throw wrong(
        `it takes ${Math.round(got.ms)} ms for a recorded request, the model before it ${before.ms.toFixed(1)} ms`,
      );
    }
  }
}
