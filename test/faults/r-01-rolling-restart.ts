import { inferPath } from '../../runtime/contract';
import { Balancer } from './support/balancer';
import type { Bench, FaultCase } from './support/case';
import { TINY_BODY, tinyStore } from './support/models';
import { until } from './support/proc';
import { Server } from './support/servers';
import { closedLoop, keepAlive, Recorder, send } from './support/traffic';

const SERVERS = 3;
const CLIENTS = 40;

/** Ends one server as a rolling restart does, and puts another in its place. Gives what it ended with. */
async function replace(
  old: Server,
  balancer: Balancer,
  start: () => Promise<Server>,
): Promise<[Server, number | string]> {
  const { http } = await old.ports();
  old.signal('SIGTERM');
  const code = await old.ended();
  balancer.remove(http);
  const fresh = await start();
  balancer.add((await fresh.ports()).http);
  if (!(await until(() => balancer.ready === SERVERS, 30_000))) throw new Error('the new server got no traffic');
  return [fresh, code];
}

/** Restarts servers one after another while clients with kept connections go on. */
async function restart(bench: Bench, restarts: number): Promise<{ recorder: Recorder; codes: (number | string)[] }> {
  const settings = tinyStore(bench.folder).serving({ name: 'tiny', load: 'pinned' });
  const start = (): Promise<Server> => Server.ready({ ...settings, drainDelay: '1', workers: '1', maxBatchSize: '16' });
  const servers = await Promise.all(Array.from({ length: SERVERS }, start));
  const balancer = await Balancer.start();
  bench.after(() => balancer.close());
  for (const server of servers) balancer.add((await server.ports()).http);
  await until(() => balancer.ready === SERVERS, 10_000);
  const agent = keepAlive();
  bench.after(() => agent.destroy());
  const recorder = new Recorder();
  const codes: (number | string)[] = [];
  let going = true;
  const shoot = (): ReturnType<typeof send> =>
    send({ port: balancer.port, path: inferPath('tiny'), body: TINY_BODY, agent });
  const clients = closedLoop(CLIENTS, shoot, recorder, () => !going || bench.over);
  for (let turn = 0; turn < restarts && !bench.over; turn += 1) {
    const place = turn % SERVERS;
    const old = servers[place];
    if (old === undefined) break;
    const [fresh, code] = await replace(old, balancer, start);
    servers[place] = fresh;
    codes.push(code);
    await old.dispose();
  }
  going = false;
  await clients;
  return { recorder, codes };
}

/** A rolling restart loses no request. */
export const rollingRestart: FaultCase = {
  id: 'R-01',
  what: 'rolling restart of 3 servers behind a load balancer, 40 clients that keep their connections',
  limit: { scaled: 90, full: 300 },
  run: async (bench) => {
    const restarts = bench.count('restarts', 4, 20);
    const least = bench.count('requests at least', 3_000, 20_000);
    const { recorder, codes } = await restart(bench, restarts);
    bench.equal('failed requests', recorder.failed('200'), 0);
    if (recorder.failed('200') > 0) bench.note(JSON.stringify(recorder.others('200')));
    bench.atLeast('requests', recorder.replies.length, least);
    bench.equal('servers that ended with 0', codes.filter((code) => code === 0).length, restarts);
  },
};
