import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { likeliest, Sampler } from '../../../../runtime/inference/generation/sampling';
import type { SamplingOptions } from '../../../../runtime/inference/generation/protocol';
import { GREEDY } from '../../support/decoding';

const scores = (...values: number[]): Float32Array => Float32Array.from(values);

function shares(options: Partial<SamplingOptions>, values: readonly number[], draws = 4000): number[] {
  const sampler = new Sampler({ ...GREEDY, temperature: 1, seed: 5, ...options }, undefined);
  const counts = values.map(() => 0);
  for (let draw = 0; draw < draws; draw++) {
    const { token } = sampler.choose(scores(...values));
    counts[token] = (counts[token] ?? 0) + 1;
  }
  return counts.map((count) => count / draws);
}

describe('likeliest', () => {
  it('gives the first of a stable sort by score, whatever the scores are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 70 }),
        (values, count) => {
          const sorted = values.map((score, token) => ({ token, score })).sort((a, b) => b.score - a.score);
          expect(likeliest(scores(...values), count)).toEqual(sorted.slice(0, count));
        },
      ),
    );
  });
});

describe('a sampler', () => {
  it('takes the likeliest token at temperature 0, the first of equals', () => {
    expect(new Sampler(GREEDY, undefined).choose(scores(1, 3, 2, 3)).token).toBe(1);
  });

  it('draws tokens as often as their probabilities say', () => {
    const values = [Math.log(0.5), Math.log(0.3), Math.log(0.2)];
    shares({}, values).forEach((share, token) => expect(share).toBeCloseTo([0.5, 0.3, 0.2][token] ?? 0, 1));
    // Half the temperature squares the probabilities before they are scaled.
    const cold = [0.25, 0.09, 0.04].map((share) => share / 0.38);
    shares({ temperature: 0.5 }, values).forEach((share, token) => expect(share).toBeCloseTo(cold[token] ?? 0, 1));
  });

  it('takes the likeliest token at temperatures next to 0, however small', () => {
    for (const temperature of [1e-3, 1e-6, 1e-30, 1e-38, Number.MIN_VALUE]) {
      for (const options of [{}, { topP: 0.9 }, { topK: 2 }]) {
        for (const offset of [0, 40, -40]) {
          const values = [1, 19, 20, -5].map((score) => score + offset);
          expect([temperature, shares({ temperature, ...options }, values, 5)]).toEqual([temperature, [0, 0, 1, 0]]);
        }
      }
    }
  });

  it('never draws a token outside of top_p or top_k', () => {
    const values = [0.5, 0.3, 0.15, 0.05].map(Math.log);
    expect(shares({ topP: 0.75 }, values).map((share) => share > 0)).toEqual([true, true, false, false]);
    expect(shares({ topK: 1 }, values)).toEqual([1, 0, 0, 0]);
    expect(shares({ topP: 0 }, values)).toEqual([1, 0, 0, 0]);
  });

  it('measures top_p by what top_k leaves', () => {
    // The first two tokens have 0.43 and 0.34 of what three of them have together, and less of all.
    const values = [0.3, 0.24, 0.16, 0.1, 0.1, 0.1].map(Math.log);
    expect(shares({ topP: 0.65, topK: 3 }, values).map((share) => share > 0)).toEqual([
      ...[true, true, false],
      ...[false, false, false],
    ]);
    expect(shares({ topP: 0.65 }, values).map((share) => share > 0)).toEqual([
      ...[true, true, true],
      ...[false, false, false],
    ]);
    expect(shares({ topP: 1, topK: 2 }, values)[0]).toBeCloseTo(0.3 / 0.54, 1);
  });

  it('widens its look when the likeliest tokens are not enough', () => {
    const flat = Array.from({ length: 1000 }, () => 0);
    expect(shares({ topP: 0.9 }, flat).filter((share) => share > 0).length).toBeGreaterThan(500);
  });

  it('adds bias and takes penalties from what the answer holds', () => {
    const biased = new Sampler({ ...GREEDY, bias: [[2, 5]] }, undefined);
    expect(biased.choose(scores(3, 1, 0)).token).toBe(2);
    const varied = new Sampler({ ...GREEDY, presencePenalty: 1, frequencyPenalty: 1 }, undefined);
    const tokens = Array.from({ length: 4 }, () => varied.choose(scores(3, 2.5, 0)).token);
    expect(tokens).toEqual([0, 1, 0, 1]);
  });

  it('tells the probabilities of the model, before bias and temperature', () => {
    const sampler = new Sampler({ ...GREEDY, bias: [[1, 9]] }, 2);
    const { token, logprobs } = sampler.choose(scores(Math.log(0.6), Math.log(0.1), Math.log(0.3)));
    expect(token).toBe(1);
    expect(logprobs?.chosen).toBeCloseTo(Math.log(0.1), 5);
    expect(logprobs?.top.map(([id]) => id)).toEqual([0, 2]);
    expect(logprobs?.top[0]?.[1]).toBeCloseTo(Math.log(0.6), 5);
  });

  it('chooses something even where scores are no numbers', () => {
    const broken = scores(Number.NaN, Number.NaN, Number.NaN);
    for (const options of [GREEDY, { ...GREEDY, temperature: 1 }, { ...GREEDY, temperature: 1, topP: 0.5 }]) {
      expect([0, 1, 2]).toContain(new Sampler(options, 1).choose(broken.slice()).token);
      expect(new Sampler(options, 1).choose(scores(1, Infinity, 2)).token).toBe(1);
    }
  });
});
