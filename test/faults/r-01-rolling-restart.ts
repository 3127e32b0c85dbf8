import { inferPath } from '../../runtime/contract';
import { Balancer } from './support/balancer';
import type { Bench, FaultCase } from './support/case';
import { GrpcPool, StreamClient } from './support/grpc-traffic';
import { TINY_BODY, tinyStore } from './support/models';
import { until } from './support/proc';
import { Server } from './support/servers';
import { closedLoop, keepAlive, Recorder, send } from './support/traffic';

const SERVERS = 3;
const CLIENTS = 40;
/** Clients of gRPC with unary calls. */
const CALLERS = 8;

/** Who sends to the servers. */
interface Front {
  readonly balancer: Balancer;
  readonly pool: GrpcPool;
}

/** What became of everything that was sent. */
interface Told {
  readonly http: Recorder;
  readonly grpc: Recorder;
  readonly stream: StreamClient;
  readonly codes: readonly (number | string)[];
}

async function join(server: Server, { balancer, pool }: Front): Promise<void> {
  const { http, grpc } = await server.ports();
  pool.add(http, grpc);
  balancer.add(http);
}

/** Ends one server as a rolling restart does, and puts another in its place. Gives what it ended with. */
async function replace(old: Server, front: Front, start: () => Promise<Server>): Promise<[Server, number | string]> {
  const { http } = await old.ports();
  old.signal('SIGTERM');
  const code = await old.ended();
  front.balancer.remove(http);
  front.pool.remove(http);
  const fresh = await start();
  await join(fresh, front);
  if (!(await until(() => front.balancer.ready === SERVERS, 30_000))) throw new Error('the new server got no traffic');
  return [fresh, code];
}

/** Restarts servers one after another while clients with kept connections go on. */
async function restart(bench: Bench, restarts: number): Promise<Told> {
  const settings = tinyStore(bench.folder).serving({ name: 'tiny', load: 'pinned' });
  const start = (): Promise<Server> =>
    Server.ready({ ...settings, drainDelay: '1', workers: '1', maxBatchSize: '16', grpcPort: '0' });
  const servers = await Promise.all(Array.from({ length: SERVERS }, start));
  const balancer = await Balancer.start();
  bench.after(() => balancer.close());
  const pool = new GrpcPool((port) => balancer.isReady(port));
  bench.after(() => pool.close());
  for (const server of servers) await join(server, { balancer, pool });
  await until(() => balancer.ready === SERVERS, 10_000);
  const agent = keepAlive();
  bench.after(() => agent.destroy());
  const [http, grpc, stream] = [new Recorder(), new Recorder(), new StreamClient(pool)];
  const codes: (number | string)[] = [];
  let going = true;
  const enough = (): boolean => !going || bench.over;
  const shoot = (): ReturnType<typeof send> =>
    send({ port: balancer.port, path: inferPath('tiny'), body: TINY_BODY, agent });
  const clients = [
    closedLoop(CLIENTS, shoot, http, enough),
    closedLoop(CALLERS, () => pool.call(), grpc, enough),
    stream.run(enough),
  ];
  for (let turn = 0; turn < restarts && !bench.over; turn += 1) {
    const place = turn % SERVERS;
    const old = servers[place];
    if (old === undefined) break;
    const [fresh, code] = await replace(old, { balancer, pool }, start);
    servers[place] = fresh;
    codes.push(code);
    await old.dispose();
  }
  going = false;
  await Promise.all(clients);
  return { http, grpc, stream, codes };
}

/** A rolling restart loses no request. */
export const rollingRestart: FaultCase = {
  id: 'R-01',
  what: 'rolling restart of 3 servers behind a load balancer, 40 clients over HTTP, 8 over gRPC, one stream',
  limit: { scaled: 90, full: 300 },
  run: async (bench) => {
    const restarts = bench.count('restarts', 4, 20);
    const least = bench.count('requests at least', 3_000, 20_000);
    const { http, grpc, stream, codes } = await restart(bench, restarts);
    for (const [what, recorder] of Object.entries({ HTTP: http, gRPC: grpc })) {
      bench.equal(`failed requests over ${what}`, recorder.failed('200'), 0);
      if (recorder.failed('200') > 0) bench.note(JSON.stringify(recorder.others('200')));
    }
    bench.atLeast('requests', http.replies.length + grpc.replies.length, least);
    bench.atLeast('requests over gRPC', grpc.replies.length, least / 20);
    bench.equal('failures of the stream', stream.failures.length, 0);
    if (stream.failures.length > 0) bench.note(stream.failures.slice(0, 3).join('; '));
    bench.atLeast('answers on the stream', stream.answered, 50);
    bench.atLeast('times that the stream was sent elsewhere', stream.moved, 1);
    bench.equal('servers that ended with 0', codes.filter((code) => code === 0).length, restarts);
  },
};
