import type { SamplingOptions, TokenLogprobs } from './protocol';

/** A token and what is told of it. */
export interface Choice {
  readonly token: number;
  readonly logprobs: TokenLogprobs | undefined;
}

interface Candidate {
  readonly token: number;
  readonly score: number;
}

/** Candidates looked at when only the likeliest are drawn from: at first, and at most. */
const FIRST_CANDIDATES = 64;
const MOST_CANDIDATES = 4096;
/** Temperatures below are that of 0: what they leave of other tokens is nothing. */
const COLDEST = 1e-5;

/** Random numbers from 0 to 1 (mulberry32): small, and the same on every machine. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function argmax(scores: Float32Array): number {
  let best = 0;
  let most = Number.NEGATIVE_INFINITY;
  for (let token = 0; token < scores.length; token++) {
    const score = scores[token] ?? Number.NEGATIVE_INFINITY;
    if (score > most) [best, most] = [token, score];
  }
  return best;
}

/** Logarithm of the sum of the exponentials: subtracted from a score it gives the logarithm of a probability. */
function logSum(scores: Float32Array): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const score of scores) if (score > most) most = score;
  let sum = 0;
  for (const score of scores) sum += Math.exp(score - most);
  return most + Math.log(sum);
}

/** The likeliest tokens, the likeliest first; of equals the lower id. */
export function likeliest(scores: Float32Array, count: number): Candidate[] {
  const kept: Candidate[] = [];
  for (let token = 0; token < scores.length; token++) {
    const score = scores[token] ?? Number.NEGATIVE_INFINITY;
    const last = kept[kept.length - 1];
    if (kept.length === count && (last === undefined || score <= last.score)) continue;
    let [low, high] = [0, kept.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((kept[middle]?.score ?? 0) >= score) low = middle + 1;
      else high = middle;
    }
    kept.splice(low, 0, { token, score });
    if (kept.length > count) kept.pop();
  }
  return kept;
}

interface Nucleus {
  readonly kept: readonly Candidate[];
  /** Their probabilities together. */
  readonly mass: number;
}

/** The first candidates that together have a probability; undefined where all of them have less. */
function firstOf(candidates: readonly Candidate[], sum: number, wanted: number): Nucleus | undefined {
  let mass = 0;
  const last = candidates.findIndex(({ score }) => (mass += Math.exp(score - sum)) >= wanted);
  return last < 0 ? undefined : { kept: candidates.slice(0, last + 1), mass };
}

const massOf = (candidates: readonly Candidate[], sum: number): number =>
  candidates.reduce((mass, { score }) => mass + Math.exp(score - sum), 0);

/** The likeliest tokens that together have the share `topP` of all, or of the `topK` likeliest where that is not 0. */
function nucleus(scores: Float32Array, sum: number, { topP, topK }: SamplingOptions): Nucleus {
  const most = Math.min(topK > 0 ? topK : MOST_CANDIDATES, scores.length);
  // Few tokens hold nearly all of the probability, as a rule: the order of the others is worked out only when needed.
  for (let count = topK > 0 ? most : Math.min(FIRST_CANDIDATES, most); ; count = Math.min(count * 8, most)) {
    const kept = likeliest(scores, count);
    const found = firstOf(kept, sum, topK > 0 ? topP * massOf(kept, sum) : topP);
    if (found !== undefined) return found;
    if (count >= most) return { kept, mass: massOf(kept, sum) };
  }
}

/** Chooses the tokens of one answer. */
export class Sampler {
  private readonly random: () => number;
  private readonly counts = new Map<number, number>();

  constructor(
    private readonly options: SamplingOptions,
    private readonly logprobs: number | undefined,
  ) {
    this.random = generator(options.seed);
  }

  /** The next token, from scores that it may change. */
  choose(scores: Float32Array): Choice {
    const told = this.logprobs === undefined ? undefined : scores.slice();
    this.adjust(scores);
    const token = this.draw(scores);
    this.counts.set(token, (this.counts.get(token) ?? 0) + 1);
    return { token, logprobs: told === undefined ? undefined : this.tell(told, token) };
  }

  /** Probabilities are those of the model, before penalties, bias and temperature. */
  private tell(scores: Float32Array, token: number): TokenLogprobs {
    const sum = logSum(scores);
    const top = likeliest(scores, this.logprobs ?? 0).map((each) => [each.token, each.score - sum] as const);
    return { chosen: (scores[token] ?? Number.NEGATIVE_INFINITY) - sum, top };
  }

  private adjust(scores: Float32Array): void {
    const { bias, frequencyPenalty, presencePenalty } = this.options;
    for (const [token, value] of bias) {
      if (token < scores.length) scores[token] = (scores[token] ?? 0) + value;
    }
    if (frequencyPenalty === 0 && presencePenalty === 0) return;
    for (const [token, count] of this.counts) {
      scores[token] = (scores[token] ?? 0) - count * frequencyPenalty - presencePenalty;
    }
  }

  private draw(scores: Float32Array): number {
    const { temperature, topP, topK } = this.options;
    const best = argmax(scores);
    const most = scores[best] ?? 0;
    if (temperature < COLDEST || !Number.isFinite(most)) return best;
    // From the best score down: above it a low temperature would leave the range of numbers.
    for (let token = 0; token < scores.length; token++) scores[token] = ((scores[token] ?? 0) - most) / temperature;
    const sum = logSum(scores);
    if (topP >= 1 && topK === 0) return this.drawFrom(scores, sum);
    const { kept, mass } = nucleus(scores, sum, this.options);
    let target = this.random() * mass;
    const found = kept.find(({ score }) => (target -= Math.exp(score - sum)) <= 0);
    return (found ?? kept[kept.length - 1])?.token ?? 0;
  }

  private drawFrom(scores: Float32Array, sum: number): number {
    let target = this.random();
    for (let token = 0; token < scores.length; token++) {
      target -= Math.exp((scores[token] ?? Number.NEGATIVE_INFINITY) - sum);
      if (target <= 0) return token;
    }
    return argmax(scores);
  }
}
