import { setTimeout as delay } from 'node:timers/promises';
import { inferPath } from '../../runtime/contract';
import { FOREVER } from '../runtime/support/models';
import type { FaultCase } from './support/case';
import { loopBody, TINY_BODY, tinyStore, withLoop } from './support/models';
import { isRunning, until } from './support/proc';
import { Server } from './support/servers';
import { send } from './support/traffic';

const ORPHAN_PATIENCE_MS = 5_000;

/** The front is killed while one of its hosts runs and another loads: no process is left, and a new front serves. */
export const frontKilled: FaultCase = {
  id: 'R-07',
  what: 'front killed while its hosts run or are stopped; restart',
  limit: { scaled: 60, full: 240 },
  run: async (bench) => {
    const kills = bench.count('kills', 4, 20);
    const store = withLoop(tinyStore(bench.folder));
    const models = store.serving(
      { name: 'loop', load: 'pinned' },
      { name: 'tiny', load: 'pinned', versions: 'all', aliases: { production: '1' } },
    );
    const settings = { ...models, workers: '1' };
    const first = await Server.ready(settings);
    let server = first;
    const ends = first.lines('model host ready')[0]?.['end'] === 'signal';
    if (!ends) bench.note('no host was stopped: setpriv (util-linux) is not here');
    let orphans = 0;
    let unready = 0;
    const restarts: number[] = [];
    const gone: number[] = [];
    for (let kill = 0; kill < kills && !bench.over; kill += 1) {
      const { http: port } = await server.ports();
      const hanging = send({ port, path: inferPath('loop'), body: loopBody(FOREVER) });
      await delay(100);
      const hosts = server.hosts();
      // One that is stopped sees no socket close: the kernel has to end it.
      const [stopped] = hosts;
      if (ends && stopped !== undefined && kill % 2 === 1) process.kill(stopped, 'SIGSTOP');
      const at = performance.now();
      server.signal('SIGKILL');
      await server.ended();
      await hanging;
      const ended = await until(() => !hosts.some(isRunning), ORPHAN_PATIENCE_MS);
      gone.push(performance.now() - at);
      if (!ended || hosts.length < 2) orphans += 1;
      for (const pid of hosts.filter(isRunning)) process.kill(pid, 'SIGKILL');
      const again = performance.now();
      server = await Server.ready(settings, { dir: first.dir });
      const { outcome } = await send({
        port: (await server.ports()).http,
        path: inferPath('tiny', 'production'),
        body: TINY_BODY,
      });
      restarts.push(performance.now() - again);
      if (outcome !== '200') unready += 1;
    }
    await server.dispose();
    bench.equal('kills that left a process', orphans, 0);
    bench.equal('restarts whose alias does not answer', unready, 0);
    bench.timing('slowest end of the hosts ms', Math.max(...gone), 1_000);
    bench.timing('slowest restart, loading included, ms', Math.max(...restarts), 5_000);
  },
};
