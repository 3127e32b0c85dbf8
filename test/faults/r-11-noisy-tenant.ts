import { inferPath } from '../../runtime/contract';
import type { FaultCase } from './support/case';
import { loopBody, tinyStore, turnsFor, withLoop } from './support/models';
import { Server } from './support/servers';
import { keepAlive, openLoop, Recorder, send } from './support/traffic';
import type { Reply } from './support/traffic';

/** Requests per second that each caller may send. */
const QUOTA = 15;
const NOISE = 10;
const RUN_MS = 5;
const SCOPES = ['infer'];
const limits = { ratePerSecond: QUOTA, burst: QUOTA, concurrency: 8 };

/** A caller that asks ten times as much as it may. */
export const noisyTenant: FaultCase = {
  id: 'R-11',
  what: 'one caller sends ten times its quota',
  limit: { scaled: 60, full: 300 },
  run: async (bench) => {
    const seconds = bench.count('seconds', 8, 60);
    const models = withLoop(tinyStore(bench.folder)).serving({ name: 'loop', load: 'pinned' });
    const keys = ['quiet', 'noisy'].map((id) => ({ id, key: `key-${id}`, scopes: SCOPES, limits }));
    const server = await Server.ready({ ...models, workers: '1', threads: '1' }, { keys });
    const { http: port } = await server.ports();
    const body = loopBody(await turnsFor(port, RUN_MS));
    const agent = keepAlive(256);
    bench.after(() => agent.destroy());
    const as =
      (id: string) =>
      (due: number): Promise<Reply> =>
        send({ port, path: inferPath('loop'), body, agent, due, key: `key-${id}` });
    const [quiet, noisy] = [new Recorder(), new Recorder()];
    const rate = QUOTA * 0.98;
    // Twice each way round, so that what else the machine does falls on both.
    for (let round = 0; round < 2; round += 1) {
      quiet.mark = 'alone';
      await openLoop({ rate, seconds: seconds / 2, shoot: as('quiet'), recorder: quiet });
      quiet.mark = 'beside';
      await Promise.all([
        openLoop({ rate, seconds: seconds / 2, shoot: as('quiet'), recorder: quiet }),
        openLoop({ rate: QUOTA * NOISE, seconds: seconds / 2, shoot: as('noisy'), recorder: noisy }),
      ]);
    }
    const beside = quiet.under('beside').length;
    bench.atLeast('share of its quota that the quiet one gets', quiet.count('200', 'beside') / beside, 0.95);
    bench.equal('answers to the noisy one other than 200 and 429', noisy.failed('200', '429'), 0);
    bench.atMost('answers to the noisy one', noisy.count('200'), QUOTA * seconds + 2 * QUOTA);
    const [alone, p99] = [quiet.quantile(0.99, 'alone'), quiet.quantile(0.99, 'beside')];
    bench.timing(`p99 of the quiet one ms, ${alone.toFixed(1)} alone`, p99, 1.3 * alone);
  },
};
