import http2 from 'node:http2';
import { inferPath, modelPath, PATHS } from '../../runtime/contract';
import { loadSync } from 'protobufjs';
import path from 'node:path';
import { identityModel } from '../runtime/support/models';
import type { Bench, FaultCase } from './support/case';
import { ROOT } from '../support/compile-programs';
import { TINY_BODY, tinyStore } from './support/models';
import { DeafServer, rawRequest } from './support/raw';
import { isDue } from './support/http-grammar';
import { KEY, Server } from './support/servers';
import { seeded } from './support/stats';
import { keepAlive, send } from './support/traffic';

const SEED = 20_261_128;
const AT_ONCE = 32;
/** The server may wait for the rest of what is unfinished; after this the fuzzer gives up on it, which is no fault of the server. */
const PATIENCE_MS = 400;
const HANG_MS = 1_000;
/** For all loads of one model that were asked for at the same time: each starts a process. */
const LOADS_MS = 30_000;
/** Statuses above 499 that the documentation names: overload, not ready, and what HTTP itself has. */
const DOCUMENTED = [501, 503, 504, 505];

const AUTH = `authorization: Bearer ${KEY}`;

/** Requests that are right; everything else is made of them. */
const SEEDS: readonly string[] = [
  `POST ${inferPath('tiny')} HTTP/1.1\r\nhost: x\r\n${AUTH}\r\ncontent-type: application/json\r\ncontent-length: ${TINY_BODY.length}\r\n\r\n${TINY_BODY}`,
  `POST ${inferPath('tiny', '1')} HTTP/1.1\r\nhost: x\r\n${AUTH}\r\ntransfer-encoding: chunked\r\n\r\n${TINY_BODY.length.toString(16)}\r\n${TINY_BODY}\r\n0\r\n\r\n`,
  `GET ${modelPath('tiny')} HTTP/1.1\r\nhost: x\r\n${AUTH}\r\n\r\n`,
  `GET ${PATHS.ready} HTTP/1.1\r\nhost: x\r\n\r\n`,
  `POST ${PATHS.repository}/index HTTP/1.1\r\nhost: x\r\n${AUTH}\r\ncontent-length: 2\r\n\r\n{}`,
  `POST ${PATHS.openai}/embeddings HTTP/1.1\r\nhost: x\r\n${AUTH}\r\ncontent-type: application/json\r\ncontent-length: 31\r\n\r\n{"model":"tiny","input":"text"}`,
];

/** Pieces that parsers are known to stumble over. */
const PIECES: readonly string[] = [
  ...['\r\n', '\n', '\r', '\0', ' ', '\t', ':', ';', ',', '/', '//', '/../', '%', '%00', '%2e%2e%2f', '%ff', '?', '#'],
  ...['HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/9.9', 'PRI * HTTP/2.0', 'CONNECT', 'TRACE', 'OPTIONS', 'HEAD', '*'],
  ...[
    'content-length: 0\r\n',
    'content-length: 99999999999999999999\r\n',
    'content-length: +1\r\n',
    'expect: 100-continue\r\n',
  ],
  ...['transfer-encoding: chunked\r\n', 'transfer-encoding: gzip, chunked\r\n', 'transfer-encoding: identity\r\n'],
  ...[
    'connection: upgrade\r\nupgrade: h2c\r\n',
    'content-encoding: br\r\n',
    'content-encoding: gzip\r\n',
    'host: y\r\n',
  ],
  ...[
    'inference-header-content-length: 5\r\n',
    'inference-header-content-length: -1\r\n',
    'x-request-timeout-ms: 0\r\n',
  ],
  ...['traceparent: 00-00000000000000000000000000000000-0000000000000000-00\r\n', 'content-type: text/plain\r\n'],
  ...['[', '{', '"', '\\u0000', '1e999', '-0', 'null', '[]', '{}', '"datatype":"BYTES"', '"shape":[0]', '\u00ff', 'é'],
];

type Random = () => number;
const pick = <T>(random: Random, values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;

/** One to six changes of some bytes. */
export function mutate(random: Random, seed: Buffer, pieces: readonly (string | Buffer)[]): Buffer {
  let bytes = seed;
  const changes = 1 + Math.floor(random() * 6);
  for (let change = 0; change < changes; change += 1) {
    const at = Math.floor(random() * (bytes.length + 1));
    const length = 1 + Math.floor(random() * 16);
    const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
    const kind = Math.floor(random() * 6);
    if (kind === 0) bytes = Buffer.concat([head, Buffer.from(pick(random, pieces) as string), tail]);
    else if (kind === 1) bytes = Buffer.concat([head, Buffer.from([Math.floor(random() * 256)]), tail.subarray(1)]);
    else if (kind === 2) bytes = Buffer.concat([head, tail.subarray(length)]);
    else if (kind === 3) bytes = Buffer.concat([head, tail.subarray(0, length), tail]);
    else if (kind === 4)
      bytes = Buffer.concat([head, Buffer.from(pick(random, pieces) as string), tail.subarray(length)]);
    else bytes = bytes.length > 64 && random() < 0.2 ? bytes.subarray(0, at) : bytes;
  }
  return bytes;
}

interface Tally {
  readonly outcomes: Record<string, number>;
  hangs: number;
  /** Answers that took longer than a second, whatever else the machine did. */
  slow?: number;
  readonly bad: Set<string>;
  /** The first request that had no answer. */
  stuck?: string;
}

async function inParallel(bench: Bench, total: number, one: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < total && !bench.over) await one(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

async function fuzzHttp(bench: Bench, port: number, total: number): Promise<Tally> {
  const random = seeded(SEED);
  const tally: Tally = { outcomes: {}, hangs: 0, bad: new Set() };
  const seeds = SEEDS.map((text) => Buffer.from(text));
  await inParallel(bench, total, async () => {
    const bytes = mutate(random, pick(random, seeds), PIECES);
    const due = isDue(bytes);
    const { status, closed } = await rawRequest(port, [bytes], due ? HANG_MS : PATIENCE_MS);
    const left = due ? 'hang' : 'unfinished';
    const outcome = status === undefined ? (closed ? 'closed' : left) : String(status);
    tally.outcomes[outcome] = (tally.outcomes[outcome] ?? 0) + 1;
    if (outcome === 'hang') {
      tally.hangs += 1;
      tally.stuck ??= bytes.toString('latin1');
    }
    if (status !== undefined && status >= 500 && !DOCUMENTED.includes(status))
      tally.bad.add(bytes.toString('latin1').slice(0, 300));
  });
  return tally;
}

/** What right requests count to a server that takes them and says nothing: as many hangs, or none would ever be seen. */
async function hangsOfDeaf(bench: Bench): Promise<number> {
  const deaf = await DeafServer.start();
  bench.after(() => deaf.close());
  const seeds = SEEDS.map((text) => Buffer.from(text));
  const answers = await Promise.all(seeds.filter(isDue).map((bytes) => rawRequest(deaf.port, [bytes], HANG_MS)));
  return answers.filter(({ status, closed }) => status === undefined && !closed).length;
}

const QUERIES: readonly string[] = [
  '{ serverLive server { name version extensions } }',
  'query Q($name: String!) { model(name: $name) { name versions inputs { name datatype shape } } }',
  '{ a: repository(readyOnly: true) { name version state } ...F } fragment F on Query { modelStatistics }',
  '{ infer(model: "tiny", inputs: [{name: "x", datatype: FP32, shape: [1, 2], data: [1, 2.5]}]) { modelName } }',
  '{ completions(model: "tiny", prompt: [{text: "a"}, {tokens: [1, 2]}], maxTokens: 4, stop: ["b"]) { choices { text } } }',
  '{ openAiModels { id } chatCompletions(model: "tiny", messages: {role: user, content: ["a"]}) { usage { totalTokens } } }',
  'mutation { loadModel(name: "tiny") }',
];

const GRAPHQL_PIECES: readonly string[] = [
  ...['{', '}', '(', ')', '[', ']', '!', '$', '@', '...', ':', '"', '#', ',', '\n', '\u0000'],
  ...[
    'query',
    'mutation',
    'subscription',
    'fragment F on Query',
    'on',
    'null',
    'true',
    '1e999',
    '-0',
    '__schema',
    '__type',
  ],
  ...['@include(if: true)', '@skip(if: $x)', '...F', 'a: ', '{ __typename }', 'serverLive ', '99999999999999999999'],
];

/** Documents of GraphQL that were right once; the bodies around them always are. */
async function fuzzGraphQl(bench: Bench, port: number, total: number): Promise<Tally> {
  const random = seeded(SEED + 2);
  const tally: Tally = { outcomes: {}, hangs: 0, bad: new Set() };
  const agent = keepAlive(AT_ONCE);
  bench.after(() => agent.destroy());
  await inParallel(bench, total, async () => {
    const query = mutate(random, Buffer.from(pick(random, QUERIES)), GRAPHQL_PIECES).toString('utf8');
    const body = JSON.stringify({ query, variables: { name: pick(random, ['tiny', '', null, 1]) } });
    // One that loads a model waits for the load, behind other loads of that model.
    const loads = query.includes('loadModel');
    const timeoutMs = loads ? LOADS_MS : 5_000;
    const { outcome, serviceMs } = await send({ port, path: PATHS.graphql, body, agent, timeoutMs });
    tally.outcomes[outcome] = (tally.outcomes[outcome] ?? 0) + 1;
    if (outcome === 'TIMEOUT') tally.hangs += 1;
    if (serviceMs > HANG_MS && !(loads && outcome === '200')) tally.slow = (tally.slow ?? 0) + 1;
    const isFault = !/^\d+$/.test(outcome) || (Number(outcome) >= 500 && !DOCUMENTED.includes(Number(outcome)));
    if (isFault) tally.bad.add(`${outcome} ${query.slice(0, 200)}`);
  });
  return tally;
}

/** Messages of the inference service that are right. */
function messages(): Buffer[] {
  const root = loadSync(path.join(ROOT, 'runtime/inference/grpc/protos/open-inference.proto'));
  const type = root.lookupType('inference.ModelInferRequest');
  const input = { name: 'x', datatype: 'FP32', shape: [1, 2] };
  const raw = { modelName: 'tiny', inputs: [input], rawInputContents: [Buffer.alloc(8)] };
  const typed = { modelName: 'tiny', id: 'a', inputs: [{ ...input, contents: { fp32Contents: [1, 2] } }] };
  return [raw, typed].map((message) => Buffer.from(type.encode(message).finish()));
}

const varint = (value: bigint): Buffer => {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    if (rest <= 0x7fn) return Buffer.from(bytes);
  }
};

const WIRE: readonly Buffer[] = [
  ...[0n, 1n, 2n ** 31n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n].map(varint),
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((type) => Buffer.from([0x08 | type])),
  Buffer.alloc(11, 0xff),
  ...['tiny', 'x', 'FP32', 'BYTES', 'BF16', '\0', '\ud83d\ude00'].map((text) => Buffer.from(text)),
];

const frame = (random: Random, message: Buffer): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  const lie = random();
  if (lie < 0.03) head.writeUInt8(1, 0);
  else if (lie < 0.06) head.writeUInt8(Math.floor(random() * 256), 0);
  else if (lie < 0.1) head.writeUInt32BE(Math.floor(random() * 2 ** 32), 1);
  return Buffer.concat([head, message]);
};

const RPCS = [
  'ModelInfer',
  'ModelInfer',
  'ModelInfer',
  'ModelMetadata',
  'ModelReady',
  'RepositoryIndex',
  'ServerReady',
];

/** Statuses of gRPC that stand for a fault of the server: UNKNOWN, INTERNAL, DATA_LOSS. */
const FAULTS = ['2', '13', '15'];

function call(session: http2.ClientHttp2Session, rpc: string, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const headers = {
      ':method': 'POST',
      ':path': `/inference.GRPCInferenceService/${rpc}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: `Bearer ${KEY}`,
    };
    const stream = session.request(headers);
    let status = '';
    const timer = setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), HANG_MS);
    const finish = (): void => {
      clearTimeout(timer);
      resolve(status);
    };
    const take = (all: http2.IncomingHttpHeaders): void => {
      if (all['grpc-status'] !== undefined) status = String(all['grpc-status']);
    };
    stream.on('response', take);
    stream.on('trailers', take);
    stream.on('data', () => undefined);
    stream.on('error', () => undefined);
    stream.on('close', finish);
    stream.end(bytes);
  });
}

async function fuzzGrpc(bench: Bench, port: number, total: number): Promise<Tally> {
  const random = seeded(SEED + 1);
  const tally: Tally = { outcomes: {}, hangs: 0, bad: new Set() };
  const seeds = messages();
  const connect = (): http2.ClientHttp2Session => {
    const made = http2.connect(`http://127.0.0.1:${port}`);
    made.on('error', () => undefined);
    return made;
  };
  let session = connect();
  bench.after(() => session.destroy());
  await inParallel(bench, total, async () => {
    if (session.closed || session.destroyed) session = connect();
    const rpc = pick(random, RPCS);
    const message = mutate(random, pick(random, seeds), WIRE);
    const started = performance.now();
    const status = await call(session, rpc, frame(random, message));
    tally.outcomes[status || 'none'] = (tally.outcomes[status || 'none'] ?? 0) + 1;
    // A frame that promises more than it holds ends with the stream: that has to be answered, too.
    if (performance.now() - started >= HANG_MS) tally.hangs += 1;
    if (FAULTS.includes(status)) tally.bad.add(`${rpc} ${status} ${message.toString('hex').slice(0, 120)}`);
  });
  return tally;
}

/** Requests that were right once, with bytes changed, lost and added. */
export const fuzz: FaultCase = {
  id: 'R-18',
  what: `HTTP grammar, protobuf and GraphQL fuzz, seed ${SEED}`,
  limit: { scaled: 90, full: 3_600 },
  run: async (bench) => {
    const overHttp = bench.count('HTTP requests', 4_000, 100_000);
    const overGrpc = bench.count('gRPC messages', 4_000, 100_000);
    const overGraphQl = bench.count('GraphQL documents', 1_500, 20_000);
    const store = tinyStore(bench.folder).push('other', '1', identityModel('BYTES'));
    const models = store.serving({ name: 'tiny', load: 'pinned' }, { name: 'other', load: 'pinned' });
    const server = await Server.ready({ ...models, grpcPort: '0', workers: '1', graphql: 'true' });
    const { http: port, grpc } = await server.ports();
    const hosts = server.hosts().join(' ');
    const one = await fuzzHttp(bench, port, overHttp);
    const two = await fuzzGrpc(bench, grpc, overGrpc);
    const three = await fuzzGraphQl(bench, port, overGraphQl);
    bench.equal('front alive', String(server.alive), 'true');
    bench.equal('hosts that died', server.hosts().join(' ') === hosts ? 0 : 1, 0);
    bench.equal('HTTP 5xx that are not documented', one.bad.size, 0);
    bench.equal('gRPC statuses of a fault', two.bad.size, 0);
    bench.equal('GraphQL 5xx and broken connections', three.bad.size, 0);
    bench.atLeast('GraphQL documents answered with 200', three.outcomes['200'] ?? 0, 1);
    bench.equal('hangs of a server that says nothing, so that they are seen', await hangsOfDeaf(bench), SEEDS.length);
    bench.equal('hangs', one.hangs + two.hangs + three.hangs, 0);
    if (one.stuck !== undefined) bench.note(`no answer to ${JSON.stringify(one.stuck.slice(0, 300))}`);
    bench.timing('GraphQL answers after more than a second', three.slow ?? 0, 0);
    bench.equal('faults in the log', server.lines('the server failed').length, 0);
    const logged = server.lines('the server failed')[0];
    if (logged) bench.note(JSON.stringify(logged).slice(0, 600));
    for (const sample of [...one.bad, ...two.bad, ...three.bad].slice(0, 3)) bench.note(JSON.stringify(sample));
    bench.note(
      `HTTP ${JSON.stringify(one.outcomes)}, gRPC ${JSON.stringify(two.outcomes)}, GraphQL ${JSON.stringify(three.outcomes)}`,
    );
    bench.equal(
      'a good request afterwards',
      (await send({ port, path: inferPath('tiny'), body: TINY_BODY })).outcome,
      '200',
    );
  },
};
