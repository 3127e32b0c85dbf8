import { setTimeout as delay } from 'node:timers/promises';
import { inferPath } from '../../runtime/contract';
import { DEFAULT_LIMITS } from '../../runtime/inference/guard';
import type { FaultCase } from './support/case';
import { TINY_BODY, tinyStore } from './support/models';
import { acceptedOn, openFiles, Peak, residentBytes, until } from './support/proc';
import { Held } from './support/raw';
import { Server } from './support/servers';
import { MIB } from './support/stats';
import { send } from './support/traffic';

const BURST = 500;

/** Connections without number, from one address. */
export const connectionFlood: FaultCase = {
  id: 'R-14',
  what: 'connection flood, HTTP and gRPC',
  limit: { scaled: 60, full: 120 },
  run: async (bench) => {
    const connections = bench.count('connections a listener', 2_000, 10_000);
    const cap = DEFAULT_LIMITS.connectionsPerAddress;
    const settings = tinyStore(bench.folder).serving({ name: 'tiny', load: 'pinned' });
    const server = await Server.ready({ ...settings, grpcPort: '0', connectionsPerAddress: String(cap) });
    const { http: port, grpc } = await server.ports();
    const request = { port, path: inferPath('tiny'), body: TINY_BODY };
    for (let turn = 0; turn < 50; turn += 1) await send(request);
    const [memory, files] = [residentBytes(server.pid), openFiles(server.pid)];
    const peak = new Peak(() => residentBytes(server.pid));
    for (const [name, target] of [
      ['HTTP', port],
      ['gRPC', grpc],
    ] as const) {
      const held: Held[] = [];
      bench.after(() => held.forEach((each) => each.end()));
      while (held.length < connections && !bench.over) {
        for (let index = 0; index < BURST; index += 1) held.push(new Held(target, () => undefined));
        await delay(20);
      }
      // A client takes a connection for open that the kernel dropped because too many waited; the server's own side counts.
      const open = (): number => acceptedOn(server.pid, target);
      await until(() => held.every(({ connected, closedAfter }) => connected || closedAfter !== undefined), 10_000);
      const capped = await until(() => open() <= cap, 5_000);
      bench.must(`open ${name} connections`, open(), `<= ${cap}`, capped);
      bench.must(`${name} connections that stay open`, open(), '>= 1', open() >= 1);
      for (const each of held) each.end();
      await delay(300);
    }
    bench.atMost('growth of memory MiB', (peak.end() - memory) / MIB, 200);
    const ok = await until(async () => (await send(request)).outcome === '200', 2_000);
    bench.must('answers afterwards', ok, '= true', ok);
    const given = await until(() => openFiles(server.pid) <= files + 8, 5_000);
    bench.must('descriptors afterwards', openFiles(server.pid), `<= ${files + 8}`, given);
  },
};
