import { setTimeout as delay } from 'node:timers/promises';
import { inferPath } from '../../runtime/contract';
import type { FaultCase } from './support/case';
import { loopBody, TINY_BODY, tinyStore, turnsFor, withLoop } from './support/models';
import { until } from './support/proc';
import { Server } from './support/servers';
import { keepAlive, Recorder, send } from './support/traffic';

const READY = 'model host ready';
const RUN_MS = 150;
/** Deaths without an answer in between, for which the pauses have to grow. */
const CRASHES = 5;

/** Kills a host and gives the milliseconds until the next one is ready. */
async function killAndWait(server: Server, pid: number): Promise<number> {
  const before = server.lines(READY).length;
  const at = performance.now();
  process.kill(pid, 'SIGKILL');
  if (!(await until(() => server.lines(READY).length > before, 20_000))) throw new Error('the host was not replaced');
  return performance.now() - at;
}

/** The model host is killed in the middle of a batch, again and again. */
export const hostKilled: FaultCase = {
  id: 'R-04',
  what: 'model host killed in the middle of a batch',
  limit: { scaled: 60, full: 300 },
  run: async (bench) => {
    const kills = bench.count('kills', 10, 50);
    const store = withLoop(tinyStore(bench.folder));
    const models = store.serving({ name: 'loop', load: 'pinned' }, { name: 'tiny', load: 'lazy' });
    const server = await Server.ready({ ...models, workers: '1' });
    const { http: port } = await server.ports();
    const agent = keepAlive();
    bench.after(() => agent.destroy());
    const tiny = { port, path: inferPath('tiny'), body: TINY_BODY, agent };
    await send(tiny);
    const bystander = Number((await server.line(READY, 2))['pid']);
    const victim = (): number => server.hosts().find((pid) => pid !== bystander) ?? -1;
    const turns = await turnsFor(port, RUN_MS);
    const [killed, others] = [new Recorder(), new Recorder()];
    let going = true;
    const neighbour = (async (): Promise<void> => {
      for (; going; await delay(5)) others.add(await send(tiny));
    })();
    const respawns: number[] = [];
    const unanswered: number[] = [];
    for (let kill = 0; kill < kills && !bench.over; kill += 1) {
      const request = { port, path: inferPath('loop'), body: loopBody(turns), agent };
      const sent = performance.now();
      const alone = await send(request);
      const runMs = performance.now() - sent;
      killed.add(alone);
      const flying = Array.from({ length: 3 }, () => send(request));
      await delay(runMs / 2);
      const at = performance.now();
      const replaced = killAndWait(server, victim());
      const first = await Promise.race(flying);
      // What is repeated runs once more; the rest of the time is what the death cost.
      unanswered.push(performance.now() - at - (first.outcome === '200' ? runMs : 0));
      for (const reply of await Promise.all(flying)) killed.add(reply);
      respawns.push(await replaced);
    }
    going = false;
    await neighbour;
    bench.equal('in flight and not answered', killed.failed('200', '503'), 0);
    bench.note(`${killed.count('200')} answered, ${killed.count('503')} told to repeat`);
    bench.timing('death to answer, without its run, ms', Math.max(...unanswered), 1_000);
    bench.equal('failures of the other model', others.failed('200'), 0);
    bench.atLeast('requests of the other model', others.count('200'), kills);
    bench.timing('slowest respawn with load ms', Math.max(...respawns), 1_500);
    for (let crash = 0; crash < CRASHES; crash += 1) await killAndWait(server, victim());
    const pauses = server
      .lines('model host ended')
      .slice(-CRASHES)
      .map(({ pauseMs }) => Number(pauseMs));
    const grow = pauses.every((pause, index) => index === 0 || pause >= 2 * (pauses[index - 1] ?? 0));
    bench.must('pauses of a crash loop ms', pauses.join(' '), 'each twice the one before', grow);
    bench.equal('front alive', String(server.alive), 'true');
  },
};
