import { setTimeout as delay } from 'node:timers/promises';
import { PATHS } from '../../runtime/contract';
import type { FaultCase } from './support/case';
import { overload, prepare } from './support/overload';
import { send } from './support/traffic';

/** How Kubernetes asks, unless it is told otherwise: each second, for a second, and three misses in a row kill. */
const PROBE = { everyMs: 1_000, timeoutMs: 1_000, misses: 3 } as const;
const FACTOR = 5;

/** Liveness is answered while everything else is refused: nobody restarts a server for being busy. */
export const liveness: FaultCase = {
  id: 'R-45',
  what: 'liveness while five times the capacity is asked for',
  limit: { scaled: 60, full: 180 },
  run: async (bench) => {
    const seconds = bench.count('seconds', 8, 60);
    const loaded = await prepare(bench, 2);
    let [going, inRow, worst] = [true, 0, 0];
    const times: number[] = [];
    const outcomes: string[] = [];
    const prober = (async (): Promise<void> => {
      while (going) {
        const [live, ready] = await Promise.all(
          [PATHS.live, PATHS.ready].map((path) => send({ port: loaded.port, path, timeoutMs: PROBE.timeoutMs })),
        );
        const good = live?.outcome === '200';
        inRow = good ? 0 : inRow + 1;
        worst = Math.max(worst, inRow);
        times.push(live?.ms ?? PROBE.timeoutMs);
        outcomes.push(ready?.outcome ?? '');
        await delay(bench.full ? PROBE.everyMs : PROBE.everyMs / 4);
      }
    })();
    const recorder = await overload(loaded, FACTOR, seconds);
    going = false;
    await prober;
    bench.must('liveness probes missed in a row', worst, `< ${PROBE.misses}`, worst < PROBE.misses);
    bench.atLeast('probes', times.length, seconds / 2);
    bench.timing('slowest probe ms', Math.max(...times), PROBE.timeoutMs);
    bench.note(`ready said ${[...new Set(outcomes)].join(', ')}`);
    bench.atLeast('refused meanwhile', recorder.count('503') + recorder.count('429'), recorder.replies.length / 2);
    bench.equal('front alive', String(loaded.server.alive), 'true');
  },
};
