import type { FaultCase } from './support/case';
import { overload, peakOf, prepare, QUEUE } from './support/overload';
import { until } from './support/proc';
import { quantile } from './support/stats';

const FACTOR = 5;

/** Five times as many requests as the server can answer. */
export const overloaded: FaultCase = {
  id: 'R-10',
  what: 'five times the capacity, open loop',
  limit: { scaled: 60, full: 180 },
  run: async (bench) => {
    const seconds = bench.count('seconds', 8, 60);
    const loaded = await prepare(bench, bench.full ? 10 : 3);
    const before = loaded.peak;
    const recorder = await overload(loaded, FACTOR, seconds);
    const recovered = performance.now();
    const quick = await until(async () => (await loaded.shoot()).outcome === '200', 5_000);
    const recoveryMs = performance.now() - recovered;
    const after = await peakOf(loaded.shoot, bench.full ? 10 : 3);
    const peak = Math.min(before, after);
    const admitted = recorder.replies.filter(({ outcome }) => outcome === '200');
    const excess = recorder.replies.filter(({ outcome }) => outcome === '429' || outcome === '503');
    bench.equal('answers other than 200, 429, 503', recorder.failed('200', '429', '503'), 0);
    if (recorder.failed('200', '429', '503') > 0) bench.note(JSON.stringify(recorder.others('200', '429', '503')));
    bench.atLeast('refused', excess.length, recorder.replies.length / 2);
    bench.rate('goodput of peak', admitted.length / seconds / peak, 0.9);
    // The queue and the run before it are what a request is promised to wait for at most.
    const promiseMs = ((QUEUE + 2) * 1000) / peak;
    bench.timing('p99 of admitted ms', recorder.quantile(0.99), 2 * promiseMs);
    const refusal = quantile(
      excess.map(({ ms }) => ms),
      0.99,
    );
    bench.timing('p99 of a refusal ms', refusal, 20);
    bench.must('recovers', `${Math.round(recoveryMs)} ms`, '<= 2000 ms', quick && recoveryMs <= 2_000);
    bench.note(`peak ${before.toFixed(0)} a second before, ${after.toFixed(0)} after`);
  },
};
