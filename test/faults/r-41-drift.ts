import { thresholds } from '../../runtime/inference/drift/statistics';
import { alarms, normalFeature, shiftOf, terms } from '../runtime/support/drift-runs';
import type { FaultCase } from './support/case';

const SEED = 11;
/** Of the first shift; each further one has the next. */
const SHIFTS = 100;

/** A drift by half a deviation is seen soon, and nothing is seen where there is none. */
export const drift: FaultCase = {
  id: 'R-41',
  what: `drift by half a deviation, and none, simulated, seeds ${SEED} and from ${SHIFTS}`,
  limit: { scaled: 60, full: 1_200 },
  run: async (bench) => {
    const shifts = bench.count('shifts', 50, 500);
    const windows = bench.count('windows without drift', 100_000, 3_000_000);
    const baseline = normalFeature();
    const seen = Array.from({ length: shifts }, (_, index) => shiftOf(baseline, SHIFTS + index));
    bench.atMost('values until a shift is seen', Math.max(...seen.map(({ values }) => values)), 2_000);
    bench.equal('called a drift before the shift', seen.filter(({ early }) => early).length, 0);
    const { ks, psi } = alarms(thresholds(terms), windows, SEED);
    bench.atMost('false alarms of the larger test', Math.max(ks, psi), windows / 100_000);
    // A simulation that cannot alarm would show nothing.
    const coarse = alarms({ ks: 0.03, psi: 0.012 }, 2_000, SEED + 1);
    bench.atLeast('alarms at bounds that are too narrow', Math.min(coarse.ks, coarse.psi), 20);
  },
};
