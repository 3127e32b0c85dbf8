import { setTimeout as delay } from 'node:timers/promises';
import { inferPath, METRICS } from '../../runtime/contract';
import type { FaultCase } from './support/case';
import { Metrics } from './support/metrics';
import { loopBody, tinyStore, turnsFor, withLoop } from './support/models';
import { until } from './support/proc';
import { Server } from './support/servers';
import { Recorder, send } from './support/traffic';

const RUN_MS = 40;
const STORM = 40;
const LEAVE = 0.9;
const AFTER_MS = 60;

/** Nine of ten clients leave while they wait. */
export const disconnects: FaultCase = {
  id: 'R-15',
  what: 'nine of ten clients leave while they wait',
  limit: { scaled: 60, full: 300 },
  run: async (bench) => {
    const storms = bench.count(`storms of ${STORM} requests`, 4, 50);
    const models = withLoop(tinyStore(bench.folder)).serving({ name: 'loop', load: 'pinned' });
    const server = await Server.ready({ ...models, workers: '1', threads: '1' });
    const { http: port, metrics } = await server.ports();
    const body = loopBody(await turnsFor(port, RUN_MS));
    const labels = { model: 'loop' };
    const figures = async (): Promise<Record<'ran' | 'left' | 'gone' | 'good', number>> => {
      const all = await Metrics.of(metrics);
      return {
        ran: all.sum(`${METRICS.batchSize.name}_sum`, labels),
        left: all.sum(METRICS.queueDropped.name, { ...labels, reason: 'left' }),
        gone: all.sum(METRICS.inferenceRequests.name, { ...labels, code: '499' }),
        good: all.sum(METRICS.inferenceRequests.name, { ...labels, code: '200' }),
      };
    };
    const before = await figures();
    const recorder = new Recorder();
    let leavers = 0;
    for (let storm = 0; storm < storms && !bench.over; storm += 1) {
      const all = Array.from({ length: STORM }, (_, index) => {
        const leaver = new AbortController();
        // Those that stay come first and last, those that leave are in between.
        const leaves = index >= 2 && index < 2 + STORM * LEAVE;
        return { leaves, leaver, reply: send({ port, path: inferPath('loop'), body, signal: leaver.signal }) };
      });
      await delay(AFTER_MS);
      for (const { leaves, leaver } of all) {
        if (!leaves) continue;
        leavers += 1;
        leaver.abort();
      }
      for (const { reply } of all) recorder.add(await reply);
    }
    // One that was answered before it could leave was not cancelled.
    const answered = recorder.count('200');
    const cancelled = recorder.replies.length - answered;
    const total = recorder.replies.length;
    await until(async () => {
      const now = await figures();
      return now.gone + now.good - before.gone - before.good === total;
    }, 5_000);
    const after = await figures();
    const ran = after.ran - before.ran;
    bench.atLeast('clients that left', cancelled, leavers * 0.9);
    bench.atLeast('share of cancelled work that was saved', 1 - (ran - answered) / cancelled, 0.85);
    bench.equal('answered: counter and clients', after.good - before.good, answered);
    bench.equal('left: counter and clients', after.gone - before.gone, cancelled);
    bench.equal('left the queue or ran for nothing', after.left - before.left + ran - answered, cancelled);
  },
};
