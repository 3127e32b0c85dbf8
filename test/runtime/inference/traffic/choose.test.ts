import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { choose, placeOf } from '../../../../runtime/inference/traffic/choose';
import type { ChoiceFacts } from '../../../../runtime/inference/traffic/choose';
import { trafficOf } from '../../../../runtime/inference/traffic/rule-config';
import { seeded } from '../../support/random';

const SEED = 20_261_128;
const random = seeded(SEED);

function facts(changes: Partial<ChoiceFacts> = {}): ChoiceFacts {
  return {
    ...{ model: 'm', attribute: () => undefined, caller: undefined, canaryShare: 0, isReady: () => true, random },
    mayFallBack: true,
    ...changes,
  };
}

const byUser = { header: 'X-User' } as const;
const user = (id: string): Pick<ChoiceFacts, 'attribute'> => ({
  attribute: (name) => (name === 'x-user' ? id : undefined),
});

const weights = fc
  .array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 5 })
  .map((cuts) => [0, ...cuts.sort((a, b) => a - b), 1000])
  .map((cuts) => Object.fromEntries(cuts.slice(1).map((cut, index) => [`v${index}`, cut - (cuts[index] ?? 0)])));

describe('a choice by weights', () => {
  it('keeps each version within three standard deviations of its share', () => {
    const TRIALS = 20_000;
    const rule = trafficOf({ weights: { 1: 700, 2: 295, 3: 5, 4: 0 } }, 'traffic');
    for (const [what, draw] of [
      ['at random', () => facts()],
      ['by key', (index: number) => facts(user(`user-${SEED}-${index}`))],
    ] as const) {
      const sticky = what === 'by key' ? { ...rule, sticky: { by: 'header', header: 'x-user' } as const } : rule;
      const got = new Map<string | undefined, number>();
      for (let index = 0; index < TRIALS; index += 1) {
        const { version } = choose(sticky, draw(index));
        got.set(version, (got.get(version) ?? 0) + 1);
      }
      for (const { version, share } of rule.weights ?? []) {
        const p = share / 1000;
        const error = Math.abs((got.get(version) ?? 0) - TRIALS * p);
        expect(error, `${what} ${version}`).toBeLessThanOrEqual(3 * Math.sqrt(TRIALS * p * (1 - p)));
      }
    }
  });

  it('gives the same version to the same key while the weights stay, whatever else is asked', () => {
    fc.assert(
      fc.property(weights, fc.string(), fc.array(fc.double({ min: 0, max: 1 })), (given, key, draws) => {
        const rule = trafficOf({ weights: given, sticky: byUser }, 'traffic');
        const first = choose(rule, facts(user(key)));
        for (const draw of draws) {
          expect(choose(rule, facts({ ...user(key), random: () => draw, caller: String(draw) }))).toEqual(first);
        }
      }),
      { seed: SEED, numRuns: 200 },
    );
  });

  it('never gives a request to one without a share, nor to one that is not ready where another is', () => {
    fc.assert(
      fc.property(weights, fc.string(), fc.func(fc.boolean()), fc.boolean(), (given, key, isReady, isSticky) => {
        const rule = trafficOf({ weights: given, ...(isSticky ? { sticky: byUser } : {}) }, 'traffic');
        const { version = 'none', reason } = choose(rule, facts({ ...user(key), isReady }));
        expect(given[version]).toBeGreaterThan(0);
        // Where none is ready, the one that is chosen refuses: it is never somebody who has no share.
        const ready = Object.entries(given).filter(([name, share]) => share > 0 && isReady(name));
        expect(isReady(version)).toBe(ready.length > 0);
        if (ready.length === 0) expect(reason).toBe('weight');
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  it('shares what a version that is not ready would have had out in proportion', () => {
    const rule = trafficOf({ weights: { 1: 500, 2: 400, 3: 100 } }, 'traffic');
    const isReady = (version: string): boolean => version !== '1';
    const drawn = Array.from({ length: 10_000 }, () => choose(rule, facts({ isReady })).version);
    const third = drawn.filter((version) => version === '3').length;
    expect(Math.abs(third - 2_000)).toBeLessThanOrEqual(3 * Math.sqrt(10_000 * 0.2 * 0.8));
  });

  it('lets the caller be the key, and draws lots for those whom nobody knows', () => {
    const rule = trafficOf({ weights: { 1: 500, 2: 500 }, sticky: 'caller' }, 'traffic');
    const versions = (caller: string | undefined): number =>
      new Set(Array.from({ length: 64 }, () => choose(rule, facts({ caller })).version)).size;
    expect([versions('api-key a'), versions('api-key b'), versions(undefined)]).toEqual([1, 1, 2]);
  });

  it('splits two models that have the same callers in different ways', () => {
    const rule = trafficOf({ weights: { 1: 500, 2: 500 }, sticky: 'caller' }, 'traffic');
    const callers = Array.from({ length: 200 }, (_, index) => `api-key ${index}`);
    const of = (model: string): string =>
      callers.map((caller) => choose(rule, facts({ model, caller })).version).join();
    expect(of('a')).not.toBe(of('b'));
  });
});

describe('a choice by header', () => {
  const rule = trafficOf(
    {
      headers: [
        { header: 'X-Variant', value: 'b', version: '2' },
        { header: 'X-Variant', value: 'c', version: '3' },
      ],
    },
    'traffic',
  );
  const variant = (value: string): Partial<ChoiceFacts> => ({
    attribute: (name) => (name === 'x-variant' ? value : undefined),
  });

  it('takes the first rule whose value is the whole value', () => {
    expect(choose(rule, facts(variant('b')))).toEqual({ version: '2', reason: 'header' });
    expect(choose(rule, facts(variant('c')))).toEqual({ version: '3', reason: 'header' });
    expect(choose(rule, facts(variant('bc')))).toEqual({ version: undefined, reason: 'stable' });
  });

  it('passes over a version that is not ready', () => {
    const notReady = facts({ ...variant('b'), isReady: () => false });
    expect(choose(rule, notReady)).toEqual({ version: undefined, reason: 'stable' });
  });
});

describe('a choice between a canary and the stable version', () => {
  const rule = trafficOf({ canary: { version: 'canary', stable: 'production' }, sticky: byUser }, 'traffic');

  it('keeps who has the canary with it while its share grows', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 0, max: 1000 }), (key, a, b) => {
        const [small, large] = [Math.min(a, b), Math.max(a, b)].map((canaryShare) =>
          choose(rule, facts({ ...user(key), canaryShare })),
        );
        if (small?.reason === 'canary') expect(large).toEqual(small);
      }),
      { seed: SEED },
    );
  });

  it('gives the share of a canary that is not ready to the stable version', () => {
    const isReady = (version: string): boolean => version !== 'canary';
    expect(choose(rule, facts({ canaryShare: 1000, isReady }))).toEqual({ version: 'production', reason: 'fallback' });
    expect(choose(rule, facts({ canaryShare: 1000, isReady: () => false }))).toEqual({
      ...{ version: undefined, reason: 'fallback' },
    });
    expect(choose(rule, facts({ canaryShare: 0 }))).toEqual({ version: 'production', reason: 'stable' });
    expect(choose(rule, facts({ isReady: (version) => version !== 'production', mayFallBack: false }))).toEqual({
      ...{ version: 'production', reason: 'stable' },
    });
  });
});

it('a place is always the same for a text', () => {
  expect(placeOf('lnmt')).toBe(placeOf('lnmt'));
  expect(placeOf('a')).not.toBe(placeOf('b'));
});
