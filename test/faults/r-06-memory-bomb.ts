import { inferPath } from '../../runtime/contract';
import type { FaultCase } from './support/case';
import { Skip } from './support/case';
import { bombModel } from '../runtime/support/models';
import { bombBody, TINY_BODY, tinyStore } from './support/models';
import { Peak, residentBytes, until } from './support/proc';
import { Server } from './support/servers';
import { MIB } from './support/stats';
import { keepAlive, Recorder, send } from './support/traffic';

const BUDGET = 1024 * MIB;
const BOMB = 1_500_000_000;

/** A request that makes a small model ask for 6 GB. */
export const memoryBomb: FaultCase = {
  id: 'R-06',
  what: 'memory bomb in a model whose process may take 1 GiB',
  limit: { scaled: 60, full: 240 },
  run: async (bench) => {
    const bombs = bench.count('bombs', 10, 100);
    const store = tinyStore(bench.folder).push('bomb', '1', bombModel());
    const models = store.serving({ name: 'tiny', load: 'pinned' }, { name: 'bomb', load: 'pinned' });
    const server = await Server.ready({ ...models, workers: '1', hostMemoryBytes: String(BUDGET) });
    if (server.lines('model host ready')[0]?.['memory'] !== 'hard') throw new Skip('prlimit (util-linux) is not here');
    const { http: port } = await server.ports();
    const agent = keepAlive();
    bench.after(() => agent.destroy());
    const tiny = { port, path: inferPath('tiny'), body: TINY_BODY, agent };
    const bomb = (count: number): ReturnType<typeof send> =>
      send({ port, path: inferPath('bomb'), body: bombBody(count), agent });
    for (let turn = 0; turn < 200; turn += 1) await send(tiny);
    const before = residentBytes(server.pid);
    const front = new Peak(() => residentBytes(server.pid));
    const hosts = new Peak(() => Math.max(0, ...server.hosts().map(residentBytes)));
    const [hit, others] = [new Recorder(), new Recorder()];
    for (let turn = 0; turn < bombs && !bench.over; turn += 1) {
      const [reply, other] = await Promise.all([bomb(BOMB), send(tiny)]);
      hit.add(reply);
      others.add(other);
    }
    bench.equal('bombs answered with 503', hit.count('503'), bombs);
    const warned = server.lines('the model had no memory for a run').length;
    bench.must(
      'lines in the log that tell why',
      warned,
      '1 or more, and fewer than the bombs',
      warned > 0 && warned < bombs,
    );
    bench.equal('failures of the other model', others.failed('200'), 0);
    bench.atMost('growth of the front MiB', (front.end() - before) / MIB, 64);
    bench.atMost('most of a host MiB', hosts.end() / MIB, BUDGET / MIB + 128);
    const back = await until(async () => (await bomb(4)).outcome === '200', 10_000);
    bench.must('the model answers again', back, '= true', back);
  },
};
