import { DRIFT_BASELINE, driftFeature } from '../../../runtime/contract';
import { DRIFT_WINDOW, FeatureWindow } from '../../../runtime/inference/drift/feature-window';
import { Reference } from '../../../runtime/inference/drift/statistics';
import { normal, uniform } from './random';

/** Values that a baseline is made from. */
export const BASELINE_ROWS = 10_000;

const NAME = { side: 'inputs', tensor: 'x', element: 0 } as const;

/** A feature that is normally distributed. */
export const normalFeature = (): ReturnType<typeof driftFeature> =>
  driftFeature(NAME, Array.from({ length: BASELINE_ROWS }, normal(21)));

/** What a shift by half a deviation meets, as one of as many features as a model may have. */
export interface Shift {
  /** Whether the window before the shift was called a drift. */
  readonly early: boolean;
  /** Values after the shift until it was seen; `most` where it was not. */
  readonly values: number;
}

/** One window of a normal feature, and then the same feature shifted until that is seen. */
export function shiftOf(baseline: ReturnType<typeof normalFeature>, seed: number, most = 5_000): Shift {
  const next = normal(seed);
  const window = new FeatureWindow(baseline, DRIFT_BASELINE.maxFeatures);
  for (let value = 0; value < DRIFT_WINDOW.size; value++) window.add(next());
  const early = window.reading?.drifted !== false;
  let values = 0;
  while (window.reading?.drifted === false && values < most) {
    window.add(next() + 0.5);
    values += 1;
  }
  return { early, values };
}

/** Windows of an unchanged feature whose distance reaches a bound, of so many. */
export function alarms(
  bounds: { ks: number; psi: number },
  windows: number,
  seed: number,
): { ks: number; psi: number } {
  const random = uniform(seed);
  // Values that fall into any bin alike: the bins of a baseline are made so, whatever the distribution.
  const bins = DRIFT_BASELINE.bins;
  const baseline = new Array<number>(bins + 1).fill(0);
  for (let value = 0; value < BASELINE_ROWS; value++) {
    const bin = Math.floor(random() * bins);
    baseline[bin] = (baseline[bin] ?? 0) + 1;
  }
  const reference = new Reference({ counts: baseline });
  const counts = new Uint32Array(bins + 1);
  const reached = { ks: 0, psi: 0 };
  for (let window = 0; window < windows; window++) {
    counts.fill(0);
    // Five values of 6 bits from one draw of 32.
    for (let value = 0; value < DRIFT_WINDOW.size; value += 5) {
      let word = random() * 2 ** 32;
      for (let part = 0; part < 5; part++, word >>>= 6) {
        const bin = word & (bins - 1);
        counts[bin] = (counts[bin] ?? 0) + 1;
      }
    }
    const { ks, psi } = reference.distance(counts, DRIFT_WINDOW.size);
    if (ks > bounds.ks) reached.ks += 1;
    if (psi > bounds.psi) reached.psi += 1;
  }
  return reached;
}

/** What the thresholds of a full window of one feature are made from. */
export const terms = {
  baseline: BASELINE_ROWS,
  window: DRIFT_WINDOW.size,
  looks: DRIFT_WINDOW.looks,
  features: 1,
  groups: 10,
  falseAlarms: DRIFT_WINDOW.falseAlarms,
};
