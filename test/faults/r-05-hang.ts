import { inferPath } from '../../runtime/contract';
import { FOREVER } from '../runtime/support/models';
import type { FaultCase } from './support/case';
import { loopBody, TINY_BODY, tinyStore, withLoop } from './support/models';
import { until } from './support/proc';
import { Server } from './support/servers';
import { keepAlive, openLoop, Recorder, send } from './support/traffic';

const DEADLINE_MS = 1_500;
const ROUND_SECONDS = 3;
const RATE = 50;

/** A run that never returns: its host is ended at the deadline, and nobody else notices. */
export const hang: FaultCase = {
  id: 'R-05',
  what: 'a model that never returns (Loop)',
  limit: { scaled: 60, full: 240 },
  run: async (bench) => {
    const rounds = bench.count('hangs', 3, 20);
    const store = withLoop(tinyStore(bench.folder));
    const models = store.serving({ name: 'loop', load: 'pinned' }, { name: 'tiny', load: 'pinned' });
    const server = await Server.ready({
      ...models,
      workers: '1',
      threads: '1',
      runTimeout: String(DEADLINE_MS / 1000),
    });
    const { http: port } = await server.ports();
    const agent = keepAlive();
    bench.after(() => agent.destroy());
    const recorder = new Recorder();
    const shoot = (due: number): ReturnType<typeof send> =>
      send({ port, path: inferPath('tiny'), body: TINY_BODY, agent, due });
    const loop = (turns: bigint): ReturnType<typeof send> =>
      send({ port, path: inferPath('loop'), body: loopBody(turns), agent });
    const late: number[] = [];
    const outcomes: string[] = [];
    let replaced = 0;
    for (let round = 0; round < rounds && !bench.over; round += 1) {
      recorder.mark = 'before';
      await openLoop({ rate: RATE, seconds: ROUND_SECONDS, shoot, recorder });
      recorder.mark = 'during';
      const before = new Set(server.hosts());
      const hanging = loop(FOREVER);
      await openLoop({ rate: RATE, seconds: ROUND_SECONDS, shoot, recorder });
      const { outcome, serviceMs } = await hanging;
      outcomes.push(outcome);
      late.push(serviceMs - DEADLINE_MS);
      const back = await until(async () => (await loop(1n)).outcome === '200', 10_000);
      if (back && server.hosts().some((pid) => !before.has(pid))) replaced += 1;
    }
    bench.equal('answers 504', outcomes.filter((outcome) => outcome === '504').length, rounds);
    bench.timing('past the deadline ms', Math.max(...late), 250);
    bench.equal('hosts replaced', replaced, rounds);
    bench.equal('failures of the other model', recorder.failed('200'), 0);
    const [before, during] = [recorder.quantile(0.99, 'before'), recorder.quantile(0.99, 'during')];
    // A run that never ends takes a whole core, one of the two that everything here shares.
    bench.timing(`p99 of the other model ms, ${before.toFixed(1)} before`, during, 1.3 * before);
  },
};
