import { inferPath } from '../../runtime/contract';
import type { FaultCase } from './support/case';
import { Metrics } from './support/metrics';
import { TINY_BODY, tinyStore } from './support/models';
import { Server } from './support/servers';
import { MIB } from './support/stats';
import { send } from './support/traffic';

const LAG = 'nodejs_eventloop_lag_max_seconds';
/** Larger than what is taken by default, so that the parser and not the limit has to stand it. */
const LIMIT = 64 * MIB;

const tiny = (data: string): string => `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":${data}}]}`;

/** Bodies that are no request, each with the statuses that may answer it. */
function attacks(): Readonly<Record<string, readonly [body: string | Buffer, statuses: readonly string[]]>> {
  const deep = 5_000_000;
  const numbers = `[${'1.5,'.repeat((60 * MIB) / 4)}1]`;
  return {
    'arrays 5e6 deep': ['['.repeat(deep), ['400']],
    'objects 5e6 deep': ['{"a":'.repeat(deep), ['400']],
    'arrays 5e6 deep inside data': [tiny(`${'['.repeat(deep)}${']'.repeat(deep)}`), ['400']],
    '60 MiB of numbers': [tiny(numbers), ['400']],
    '60 MiB of numbers without an end': [tiny(numbers).slice(0, -100), ['400']],
    '8 MiB in one text': [`{"id":"${'a'.repeat(8 * MIB)}","inputs":[]}`, ['400']],
    '8 MiB of escapes': [`{"id":"${'\\u0041'.repeat((8 * MIB) / 6)}","inputs":[]}`, ['400']],
    'a million members': [`{${Array.from({ length: 1_000_000 }, (_, index) => `"k${index}":0`).join(',')}}`, ['400']],
    'the same member twice': [
      '{"inputs":[],"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}',
      ['400'],
    ],
    'the same member twice inside': [
      '{"inputs":[{"name":"x","name":"y","datatype":"FP32","shape":[1,2],"data":[1,2]}]}',
      ['400'],
    ],
    'the same member twice, once escaped': [
      '{"inputs":[{"name":"x","n\\u0061me":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}',
      ['400'],
    ],
    'lone surrogate in a name': [
      '{"inputs":[{"name":"\\ud800","datatype":"FP32","shape":[1,2],"data":[1,2]}]}',
      ['400'],
    ],
    'lone surrogate in the id': [`{"id":"\\udfff",${TINY_BODY.slice(1)}`, ['400']],
    'bytes that are not UTF-8': [
      Buffer.concat([Buffer.from('{"id":"'), Buffer.from([0xff, 0xfe]), Buffer.from(`",${TINY_BODY.slice(1)}`)]),
      ['400'],
    ],
    NaN: [tiny('[NaN,1]'), ['400']],
    Infinity: [tiny('[Infinity,1]'), ['400']],
    '-Infinity': [tiny('[-Infinity,1]'), ['400']],
    'NaN as text': [tiny('["NaN",1]'), ['400']],
    '1e999': [tiny('[1e999,1]'), ['400']],
    '1e39 as FP32': [tiny('[1e39,1]'), ['400']],
    'a number of a million digits': [tiny(`[${'9'.repeat(1_000_000)},1]`), ['400']],
    'an exponent of a million digits': [tiny(`[1e${'9'.repeat(1_000_000)},1]`), ['400']],
    'leading zeros': [tiny('[01,1]'), ['400']],
    hexadecimal: [tiny('[0x10,1]'), ['400']],
    'a comma too many': [tiny('[1,2,]'), ['400']],
    __proto__: [`{"__proto__":{"a":1},${TINY_BODY.slice(1)}`, ['400']],
    'constructor.prototype': [`{"constructor":{"prototype":{"a":1}},${TINY_BODY.slice(1)}`, ['400']],
    'byte order mark': [`\ufeff${TINY_BODY}`, ['400']],
    'two documents': [`${TINY_BODY}${TINY_BODY}`, ['400']],
    nothing: ['', ['400']],
  };
}

/** JSON that is deep, long, ambiguous or no JSON. */
export const json: FaultCase = {
  id: 'R-17',
  what: 'JSON: depth 5e6, 60 MiB of numbers, double members, lone surrogates, NaN',
  limit: { scaled: 60, full: 120 },
  run: async (bench) => {
    const rounds = bench.count('rounds', 1, 5);
    const settings = tinyStore(bench.folder).serving({ name: 'tiny', load: 'pinned' });
    const server = await Server.ready({ ...settings, maxRequestBytes: String(LIMIT) });
    const { http: port, metrics } = await server.ports();
    const request = { port, path: inferPath('tiny') };
    const wrong = new Set<string>();
    let worst: [ms: number, name: string] = [0, ''];
    const all = attacks();
    for (let round = 0; round < rounds && !bench.over; round += 1) {
      for (const [name, [body, statuses]] of Object.entries(all)) {
        // The gauge holds the longest gap since it was read.
        await Metrics.of(metrics);
        const { outcome, errorCode } = await send({ ...request, body });
        const gap = 1000 * (await Metrics.of(metrics)).sum(LAG);
        if (!statuses.includes(outcome) || errorCode === undefined) wrong.add(`${name}: ${outcome}`);
        if (gap > worst[0]) worst = [gap, name];
      }
    }
    bench.must('not refused with 400 and a code', [...wrong].join(', ') || 'none', 'none', wrong.size === 0);
    bench.must('kinds of bad JSON', Object.keys(all).length, '>= 25', Object.keys(all).length >= 25);
    bench.timing(`longest gap of the event loop (${worst[1]}) ms`, worst[0], 50);
    bench.equal('a good request afterwards', (await send({ ...request, body: TINY_BODY })).outcome, '200');
  },
};
