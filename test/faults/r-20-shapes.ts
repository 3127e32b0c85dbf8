import { inferPath } from '../../runtime/contract';
import type { FaultCase } from './support/case';
import { tinyStore } from './support/models';
import { Server } from './support/servers';
import { keepAlive, send } from './support/traffic';

const tensor = (shape: string, data: string): string =>
  `{"inputs":[{"name":"x","datatype":"FP32","shape":${shape},"data":${data}}]}`;

const big = String(2n ** 63n);

/** Shapes that no request may have. */
const ATTACKS: Readonly<Record<string, string>> = {
  'rank 17': tensor(`[${Array(17).fill(1).join(',')}]`, '[1]'),
  'rank 1000': tensor(`[${Array(1000).fill(1).join(',')}]`, '[1]'),
  'no dimension': tensor('[]', '[1]'),
  'product 2^63': tensor('[2147483648,2147483648,2]', '[1]'),
  'product 2^64': tensor('[4294967296,4294967296]', '[1]'),
  'product that wraps to 2 in 64 bits': tensor('[9223372036854775809,2]', '[1,2]'),
  'one size of 2^63': tensor(`[${big}]`, '[1]'),
  'one size of 2^53': tensor('[9007199254740992,2]', '[1,2]'),
  negative: tensor('[-1,2]', '[1,2]'),
  'two negatives': tensor('[-1,-2]', '[1,2]'),
  zero: tensor('[0,2]', '[]'),
  fraction: tensor('[1.5,2]', '[1,2,3]'),
  exponent: tensor('[1e400,2]', '[1,2]'),
  text: tensor('["1",2]', '[1,2]'),
  null: tensor('[null,2]', '[1,2]'),
  'nested shape': tensor('[[1],2]', '[1,2]'),
  'no shape': '{"inputs":[{"name":"x","datatype":"FP32","data":[1,2]}]}',
  'fewer values than the shape': tensor('[2,2]', '[1,2]'),
  'more values than the shape': tensor('[1,2]', '[1,2,3]'),
  'no values': tensor('[1,2]', '[]'),
  'nesting against the shape': tensor('[2,2]', '[[1,2,3],[4]]'),
  'columns against the signature': tensor('[1,3]', '[1,2,3]'),
  'rank against the signature': tensor('[1,1,2]', '[1,2]'),
  'binary size without bytes':
    '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}}]}',
  'binary size of 2^63': `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":${big}}}]}`,
  'the input twice':
    '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]},{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}',
};

/** Attacks on the binary extension: the head, and how many bytes follow it. */
const BINARY: Readonly<Record<string, readonly [shape: string, size: number, bytes: number]>> = {
  'binary: fewer bytes than said': ['[1,2]', 8, 4],
  'binary: more bytes than said': ['[1,2]', 8, 12],
  'binary: size against shape': ['[1,2]', 12, 12],
  'binary: negative size': ['[1,2]', -8, 8],
  'binary: product 2^63': ['[2147483648,2147483648,2]', 8, 8],
};

/** Shapes of requests that lie, overflow or do not fit. */
export const shapes: FaultCase = {
  id: 'R-20',
  what: 'shape attacks',
  limit: { scaled: 30, full: 30 },
  run: async (bench) => {
    const server = await Server.ready(tinyStore(bench.folder).serving({ name: 'tiny', load: 'pinned' }));
    const { http: port } = await server.ports();
    const agent = keepAlive();
    bench.after(() => agent.destroy());
    const wrong: string[] = [];
    const judge = (name: string, outcome: string, code: string | undefined): void => {
      if (outcome !== '400' || code === undefined) wrong.push(`${name}: ${outcome}`);
    };
    for (const [name, body] of Object.entries(ATTACKS)) {
      const { outcome, errorCode } = await send({ port, path: inferPath('tiny'), body, agent });
      judge(name, outcome, errorCode);
    }
    for (const [name, [shape, size, bytes]] of Object.entries(BINARY)) {
      const head = `{"inputs":[{"name":"x","datatype":"FP32","shape":${shape},"parameters":{"binary_data_size":${size}}}]}`;
      const body = Buffer.concat([Buffer.from(head), Buffer.alloc(bytes)]);
      const headers = {
        'content-type': 'application/octet-stream',
        'inference-header-content-length': `${head.length}`,
      };
      const { outcome, errorCode } = await send({ port, path: inferPath('tiny'), body, headers, agent });
      judge(name, outcome, errorCode);
    }
    const all = Object.keys(ATTACKS).length + Object.keys(BINARY).length;
    bench.must('answered with 400 and a code', all - wrong.length, `= ${all}`, wrong.length === 0);
    if (wrong.length > 0) bench.note(wrong.join(', '));
    const after = await send({ port, path: inferPath('tiny'), body: tensor('[1,2]', '[1,2]'), agent });
    bench.equal('a good request afterwards', after.outcome, '200');
  },
};
