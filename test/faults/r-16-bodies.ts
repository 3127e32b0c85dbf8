import { gzipSync } from 'node:zlib';
import { inferPath } from '../../runtime/contract';
import type { FaultCase } from './support/case';
import { TINY_BODY, tinyStore } from './support/models';
import { cpuSeconds, Peak, residentBytes } from './support/proc';
import { rawRequest } from './support/raw';
import { KEY, Server } from './support/servers';
import { MIB, quantile } from './support/stats';
import { send } from './support/traffic';

const GOOD_PATIENCE_MS = 8_000;

const head = (...lines: readonly string[]): string =>
  [`POST ${inferPath('tiny')} HTTP/1.1`, 'host: x', `authorization: Bearer ${KEY}`, ...lines, '', ''].join('\r\n');

const JSON_TYPE = 'content-type: application/json';
const chunk = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);

/** 1 MiB that becomes 1 GiB. */
const bomb = (): Buffer => {
  const inner = gzipSync(Buffer.alloc(32 * MIB), { level: 9 });
  return Buffer.concat(Array.from({ length: 32 }, () => inner));
};

interface Attack {
  readonly chunks: readonly (string | Buffer)[];
  readonly statuses: readonly number[];
}

function attacks(): Readonly<Record<string, Attack>> {
  const compressed = bomb();
  const filled = Buffer.alloc(MIB, 0x20);
  const tiny = Buffer.concat(Array.from({ length: 64 * 1024 }, () => chunk(Buffer.from(' '))));
  return {
    'length of 1 GiB': { chunks: [head(JSON_TYPE, `content-length: ${2 ** 30}`), filled], statuses: [413] },
    'length of 2^63': { chunks: [head(JSON_TYPE, `content-length: ${2n ** 63n}`), filled], statuses: [400, 413] },
    'length that is negative': { chunks: [head(JSON_TYPE, 'content-length: -1'), '{}'], statuses: [400] },
    'two lengths': { chunks: [head(JSON_TYPE, 'content-length: 2', 'content-length: 3'), '{}'], statuses: [400] },
    'length and chunks': {
      chunks: [head(JSON_TYPE, 'content-length: 2', 'transfer-encoding: chunked'), '2\r\n{}\r\n0\r\n\r\n'],
      statuses: [400],
    },
    'shorter than its length, then more': {
      chunks: [head(JSON_TYPE, 'content-length: 2'), '{}garbage\r\n\r\n'],
      statuses: [400],
    },
    'chunks without end': {
      chunks: [head(JSON_TYPE, 'transfer-encoding: chunked'), ...Array.from({ length: 32 }, () => chunk(filled))],
      statuses: [413],
    },
    'chunks of one byte': {
      chunks: [head(JSON_TYPE, 'transfer-encoding: chunked'), ...Array.from({ length: 160 }, () => tiny)],
      statuses: [400, 413],
    },
    'chunk of 2^64 bytes': {
      chunks: [head(JSON_TYPE, 'transfer-encoding: chunked'), 'fffffffffffffffff\r\n'],
      statuses: [400],
    },
    'chunk extensions without end': {
      chunks: [head(JSON_TYPE, 'transfer-encoding: chunked'), `1;${'a=b;'.repeat(50_000)}\r\n{\r\n`],
      statuses: [400, 413, 431],
    },
    'gzip of 1 MiB that becomes 1 GiB': {
      chunks: [head(JSON_TYPE, 'content-encoding: gzip', `content-length: ${compressed.length}`), compressed],
      statuses: [413, 400],
    },
    'gzip in gzip': {
      chunks: [head(JSON_TYPE, 'content-encoding: gzip, gzip', 'content-length: 2'), '{}'],
      statuses: [415],
    },
    'no gzip at all': {
      chunks: [head(JSON_TYPE, 'content-encoding: gzip', 'content-length: 4'), '{}{}'],
      statuses: [400],
    },
    'headers without end': { chunks: [`${head().slice(0, -2)}${'x-a: b\r\n'.repeat(5_000)}`], statuses: [431] },
  };
}

/** Bodies that are too large, lie about their length, come in crumbs or explode. */
export const bodies: FaultCase = {
  id: 'R-16',
  what: 'oversized and lying bodies, chunk floods, gzip bombs',
  limit: { scaled: 60, full: 120 },
  run: async (bench) => {
    const rounds = bench.count('rounds', 3, 10);
    const all = attacks();
    const server = await Server.ready(tinyStore(bench.folder).serving({ name: 'tiny', load: 'pinned' }), {
      collects: true,
    });
    const { http: port } = await server.ports();
    const request = { port, path: inferPath('tiny'), body: TINY_BODY };
    // Large bodies that are taken, so that what the process needs for them is there before it is measured.
    const large = `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}${' '.repeat(7 * MIB)}`;
    for (let turn = 0; turn < 20; turn += 1) await send({ ...request, body: turn % 4 ? TINY_BODY : large });
    /** Bytes that stay: what is garbage by then says nothing of the next hour. */
    const staying = async (): Promise<number> => {
      server.collect();
      await send(request);
      return residentBytes(server.pid);
    };
    const memory = await staying();
    let most: [mib: number, name: string] = [0, ''];
    const wrong = new Set<string>();
    let worst: [ms: number, name: string] = [0, ''];
    for (const [name, { chunks, statuses }] of Object.entries(all)) {
      const cpu: number[] = [];
      const growth: number[] = [];
      for (let round = 0; round < rounds && !bench.over; round += 1) {
        // Garbage of the round before is none of this one's.
        const start = await staying();
        const peak = new Peak(() => residentBytes(server.pid));
        const before = cpuSeconds(server.pid);
        const { status } = await rawRequest(port, chunks, GOOD_PATIENCE_MS);
        cpu.push(1000 * (cpuSeconds(server.pid) - before));
        growth.push((peak.end() - start) / MIB);
        if (status === undefined || !statuses.includes(status)) wrong.add(`${name}: ${status ?? 'no answer'}`);
      }
      const grown = quantile(growth, 0.5);
      if (grown > most[0]) most = [grown, name];
      // What else the machine does only adds to what it costs.
      const ms = Math.min(...cpu);
      if (ms > worst[0]) worst = [ms, name];
    }
    bench.must('not refused as they should be', [...wrong].join(', ') || 'none', 'none', wrong.size === 0);
    bench.atMost(`most processor time (${worst[1]}) ms`, worst[0], 100);
    bench.atMost(`most growth of memory (${most[1]}) MiB`, most[0], 32);
    bench.atMost('growth after all of them MiB', ((await staying()) - memory) / MIB, 64);
    bench.equal('a good request afterwards', (await send(request)).outcome, '200');
  },
};
