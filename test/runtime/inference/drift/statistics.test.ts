import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DRIFT_BASELINE, driftBin, driftFeature } from '../../../../runtime/contract';
import { DRIFT_WINDOW, FeatureWindow } from '../../../../runtime/inference/drift/feature-window';
import { Reference, thresholds } from '../../../../runtime/inference/drift/statistics';
import { alarms, normalFeature, shiftOf, terms } from '../../support/drift-runs';
import { normal } from '../../support/random';

const NAME = { side: 'inputs', tensor: 'x', element: 0 } as const;

const draw = (next: () => number, count: number): number[] => Array.from({ length: count }, next);

describe('a baseline', () => {
  it('puts every value into one bin, in order, whatever the values are (seed 1)', () => {
    fc.assert(
      fc.property(fc.array(fc.double(), { minLength: 2, maxLength: 400 }), (values) => {
        const { edges, counts } = driftFeature(NAME, values);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(values.length);
        expect(edges.length).toBeLessThan(DRIFT_BASELINE.bins);
        expect([...edges].sort((a, b) => a - b)).toEqual(edges);
        expect(new Set(edges).size).toBe(edges.length);
        for (const value of values) {
          const bin = driftBin(edges, value);
          const above = edges.filter((edge) => edge < value).length;
          expect(bin).toBe(Number.isNaN(value) ? edges.length + 1 : above);
        }
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('of a feature that never changes tells what is above and what is below', () => {
    const { edges } = driftFeature(
      NAME,
      draw(() => 7, 200),
    );
    expect([6, 7, 8].map((value) => driftBin(edges, value))).toEqual([0, 1, 2]);
  });
});

describe('the distances', () => {
  it('of a spread from itself are nothing', () => {
    const { counts } = driftFeature(NAME, draw(normal(3), 5_000));
    const { ks, psi } = new Reference({ counts }).distance(counts, 5_000);
    expect(ks).toBeLessThan(1e-12);
    expect(psi).toBeLessThan(1e-12);
  });

  it('are those of the formulas, on counts by hand', () => {
    const { ks, psi } = new Reference({ counts: [500, 500, 0] }).distance([250, 750, 0], 1_000);
    expect(ks).toBeCloseTo(0.25, 12);
    // Two groups: the empty bin of what is no number goes with the last.
    expect(psi).toBeCloseTo(0.25 * Math.log(3), 2);
  });

  it('of two normal spreads half a deviation apart are 0.197 and about a quarter', () => {
    const { edges, counts } = driftFeature(NAME, draw(normal(5), 200_000));
    const shifted = new Array<number>(counts.length).fill(0);
    for (const value of draw(normal(6), 200_000)) {
      const bin = driftBin(edges, value + 0.5);
      shifted[bin] = (shifted[bin] ?? 0) + 1;
    }
    const { ks, psi } = new Reference({ counts }).distance(shifted, 200_000);
    expect(ks).toBeCloseTo(0.1974, 2);
    expect(psi).toBeGreaterThan(0.2);
    expect(psi).toBeLessThan(0.27);
  });
});

describe('the thresholds', () => {
  it('are reached by chance in none of 300 000 windows: at most one of 10^5 (seed 11, rule of three)', () => {
    expect(alarms(thresholds(terms), 300_000, 11)).toEqual({ ks: 0, psi: 0 });
  }, 120_000);

  it('would be reached if they were those of a coarse test, so that the simulation can fail (seed 12)', () => {
    const coarse = alarms({ ks: 0.03, psi: 0.012 }, 2_000, 12);
    expect(coarse.ks).toBeGreaterThan(20);
    expect(coarse.psi).toBeGreaterThan(20);
  });

  it('widen with features and with small baselines, never the other way', () => {
    const { ks, psi } = thresholds(terms);
    for (const wider of [{ features: 64 }, { baseline: 500 }, { window: 200 }, { falseAlarms: 1e-7 }]) {
      const other = thresholds({ ...terms, ...wider });
      expect(other.ks).toBeGreaterThan(ks);
      expect(other.psi).toBeGreaterThanOrEqual(psi);
    }
  });
});

describe('a window', () => {
  const baseline = normalFeature();

  it('sees a shift by half a deviation within 2 000 values, also as one of 64 features (seeds 100 to 149)', () => {
    const shifts = Array.from({ length: 50 }, (_, index) => shiftOf(baseline, 100 + index));
    expect(shifts.filter(({ early }) => early)).toEqual([]);
    expect(Math.max(...shifts.map(({ values }) => values))).toBeLessThanOrEqual(1_250);
  });

  it.each([
    ['a wider spread', (value: number) => 2 * value],
    ['values that are no numbers', (value: number) => (value > 0.6 ? Number.NaN : value)],
    ['a constant', () => 0],
    ['infinities', (value: number) => (value > 0.6 ? Number.POSITIVE_INFINITY : value)],
  ])('sees %s', (_title, change) => {
    const next = normal(31);
    const window = new FeatureWindow(baseline, 1);
    for (let value = 0; value < 2_000; value++) window.add(change(next()));
    expect(window.reading?.drifted).toBe(true);
  });

  it('says nothing before it is full, and is over its drift once that is past', () => {
    const next = normal(41);
    const window = new FeatureWindow(baseline, 1);
    for (let value = 0; value < DRIFT_WINDOW.size - 1; value++) window.add(next() + 3);
    expect(window.reading).toBeUndefined();
    window.add(next() + 3);
    expect(window.reading?.drifted).toBe(true);
    for (let value = 0; value < DRIFT_WINDOW.size; value++) window.add(next());
    expect(window.reading?.drifted).toBe(false);
  });
});
