import { emptyCache } from './cache';
import type { KvCache } from './cache';
import type { CacheSlot } from './decoder';
import type { FinishReason, GenerationOptions, GenerationStep } from './protocol';
import { Sampler } from './sampling';

/** Shortest class of lengths. */
const SHORTEST_CLASS = 64;

/**
 * The class of a sequence that has at most this many tokens in the end: the next power of two. Sequences share a run
 * only within a class, so that padding never takes more than it says and never more than twice what is needed.
 */
export function lengthClass(tokens: number): number {
  return Math.max(SHORTEST_CLASS, 2 ** Math.ceil(Math.log2(Math.max(1, tokens))));
}

/** One answer in the making. */
export class Sequence {
  /** Tokens that are in a cache. */
  held = 0;
  /** Chosen, and not in a cache yet. */
  next = 0;
  /** Its own cache, until it joins others. */
  cache: KvCache;
  private answered = 0;
  private readonly sampler: Sampler;
  private readonly ends: ReadonlySet<number>;

  constructor(
    readonly id: number,
    readonly prompt: Int32Array,
    private readonly options: GenerationOptions,
    slots: readonly CacheSlot[],
  ) {
    this.sampler = new Sampler(options.sampling, options.logprobs);
    this.ends = new Set(options.endTokens);
    this.cache = emptyCache(slots);
  }

  /** Class of its length. */
  get lengthClass(): number {
    return lengthClass(this.prompt.length + this.options.maxTokens);
  }

  /** Who asks. */
  get caller(): string | undefined {
    return this.options.caller;
  }

  /** Tokens of the prompt that are not in the cache yet, at most so many. */
  chunk(size: number): Int32Array {
    return this.prompt.subarray(this.held, this.held + size);
  }

  /** True once the whole prompt is in the cache. */
  get isPrefilled(): boolean {
    return this.held >= this.prompt.length;
  }

  /** Takes the scores of the next token. */
  advance(scores: Float32Array): GenerationStep {
    const { token, logprobs } = this.sampler.choose(scores);
    this.next = token;
    this.answered += 1;
    const finish = this.finishAt(token);
    return {
      token,
      ...(logprobs === undefined ? {} : { logprobs }),
      ...(finish === undefined ? {} : { finish }),
    };
  }

  private finishAt(token: number): FinishReason | undefined {
    if (this.ends.has(token)) return 'stop';
    return this.answered >= this.options.maxTokens ? 'length' : undefined;
  }
}
