import type { RequestError } from '../../shared/errors';
import { isOutOfMemory, modelOutOfMemory, modelRefused, runReasonOf } from '../errors';

/** How the tokens of an answer are chosen. */
export interface SamplingOptions {
  /** 0 takes the likeliest token; higher is more varied. */
  readonly temperature: number;
  /** Only the likeliest tokens that together have this share of what `topK` leaves are drawn from; 1 is all. */
  readonly topP: number;
  /** Only this many of the likeliest tokens are drawn from; 0 is all. */
  readonly topK: number;
  /** Start of the random numbers: the same seed draws the same tokens. */
  readonly seed: number;
  /** Taken from the score of a token for each time that the answer holds it. */
  readonly frequencyPenalty: number;
  /** Taken from the score of a token that the answer holds. */
  readonly presencePenalty: number;
  /** Added to the scores of these tokens. */
  readonly bias: readonly (readonly [token: number, bias: number])[];
}

/** What is generated. */
export interface GenerationOptions {
  readonly sampling: SamplingOptions;
  /** Most tokens of the answer. */
  readonly maxTokens: number;
  /** Tokens that end the answer. */
  readonly endTokens: readonly number[];
  /** Likeliest tokens to tell of each step; absent where no probabilities are wanted. */
  readonly logprobs: number | undefined;
  /** Who asks: prompts are read in the turns of callers. @default - one with all others that are not named */
  readonly caller?: string | undefined;
}

/** Probability of a chosen token and of those that were likelier, as natural logarithms. */
export interface TokenLogprobs {
  readonly chosen: number;
  readonly top: readonly (readonly [token: number, logprob: number])[];
}

/**
 * Why an answer ended: a token that ends it, its length, its client left, or the graph failed.
 */
export type FinishReason = 'stop' | 'length' | 'cancelled' | 'failed';

/** One step of one answer; one without a token and an end tells that a piece of a long prompt was taken. */
export interface GenerationStep {
  /** The next token; absent where the step only ends the answer. */
  readonly token?: number;
  readonly logprobs?: TokenLogprobs;
  readonly finish?: FinishReason;
  /** What went wrong, with `failed`. */
  readonly message?: string;
  /** True with `failed`, where memory was short. */
  readonly outOfMemory?: boolean;
}

/** The end of an answer whose run failed. */
export function failedStep(error: unknown): GenerationStep {
  const message = runReasonOf(error) ?? (error instanceof Error ? error.message : String(error));
  const step = { finish: 'failed', message } as const;
  return isOutOfMemory(error) ? { ...step, outOfMemory: true } : step;
}

/** The error that such an end stands for. */
export function errorOf({ message = '', outOfMemory = false }: GenerationStep): RequestError {
  return outOfMemory ? modelOutOfMemory(message) : modelRefused(new Error(message));
}

/** How many sequences share a run. */
export interface EngineOptions {
  /** Most sequences of one run. */
  readonly maxRows: number;
}

/**
 * What the front asks of the worker that generates. The tokens of the prompt follow in the payload as INT32; `cancel` has
 * the id of what it ends.
 */
export type GenerationRequest =
  | {
      readonly type: 'generate';
      readonly promptTokens: number;
      readonly options: GenerationOptions;
      readonly engine: EngineOptions;
    }
  | { readonly type: 'cancel' };

/** What the worker answers under the id of `generate`, once for each token; the last one has `finish`. */
export interface GenerationReply {
  readonly type: 'step';
  readonly step: GenerationStep;
}
