import type { Context } from '@opentelemetry/api';
import { Canceller } from '../../shared/cancellation';
import type { Cancellation } from '../../shared/cancellation';
import { RequestError } from '../../shared/errors';
import { clientGone } from '../errors';
import type { Infer, InferenceCall } from '../serving/layer';
import { PIPELINE_LIMITS } from './limits';
import { tooManyBytes } from './errors';
import { tensorBytes } from '../tensors/tensor';
import type { Tensor } from '../tensors/tensor';

/** Tensors by the names that they have in one node. */
export type Scope = ReadonlyMap<string, Tensor>;

/** What a pipeline tells of its work. Times in seconds. */
export interface PipelineObserver {
  /** A step ended; with the code of its failure, if it failed. */
  step(path: string, seconds: number, failure: string | undefined): void;
  /** A node took one of its branches. */
  branch(path: string): void;
}

/** One request on its way through a pipeline. */
export interface Run {
  readonly pipeline: { readonly name: string; readonly version: string };
  readonly call: InferenceCall;
  /** Where the steps ask: the way that a request from outside takes. */
  readonly infer: Infer;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly observer: PipelineObserver;
  /** Bytes of tensors that steps gave. */
  bytes: number;
}

/** Until when something may take, and what it means when it takes longer. */
export interface Deadline {
  /** Milliseconds on the clock of the run. */
  readonly at: number;
  readonly late: () => RequestError;
}

/** What bounds a part of a run. */
export interface Frame {
  /** Fires when nobody waits for it any more. */
  readonly signal: Cancellation;
  readonly deadline: Deadline;
  readonly trace: Context | undefined;
}

/** True when there is no sense in anything else: nobody waits, or the time is over. */
export const isOver = ({ now }: Run, { signal, deadline }: Frame): boolean => signal.aborted || now() >= deadline.at;

/** Counts what a step gave. @throws RequestError beyond the limit */
export function hold(run: Run, tensors: readonly Tensor[]): void {
  run.bytes += tensorBytes(tensors);
  if (run.bytes > PIPELINE_LIMITS.tensorBytes) throw tooManyBytes(PIPELINE_LIMITS.tensorBytes);
}

const isDeadline = (error: unknown): boolean => error instanceof RequestError && error.code === 'LNMT8220';

/**
 * Does work in a frame of its own that ends with the work, at its deadline, or when whoever waits leaves: whatever the
 * work itself does, so that no request waits for ever.
 */
export function within<T>(run: Run, frame: Frame, work: (inner: Frame) => Promise<T>): Promise<T> {
  const { signal, deadline } = frame;
  if (signal.aborted) return Promise.reject(clientGone());
  const left = deadline.at - run.now();
  if (left <= 0) return Promise.reject(deadline.late());
  const ending = new Canceller();
  return new Promise<T>((resolve, reject) => {
    const fail: (error: unknown) => void = reject;
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
      settle();
      // What it began and nobody waits for any more leaves its queue.
      ending.abort();
    };
    const leave = (): void => finish(() => reject(clientGone()));
    const timer = setTimeout(() => finish(() => reject(deadline.late())), left);
    signal.addEventListener('abort', leave, { once: true });
    work({ ...frame, signal: ending }).then(
      (value) => finish(() => resolve(value)),
      // A model whose queue was too long says it in its own words.
      (error: unknown) => finish(() => fail(isDeadline(error) ? deadline.late() : error)),
    );
  });
}
