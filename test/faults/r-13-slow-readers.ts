import http2 from 'node:http2';
import path from 'node:path';
import { Readable } from 'node:stream';
import { loadSync } from 'protobufjs';
import { setTimeout as delay } from 'node:timers/promises';
import { inferPath, PATHS } from '../../runtime/contract';
import { identityModel, pushModel } from '../runtime/support/models';
import { TINY } from '../runtime/support/text-models';
import { decoderFiles, TRAINED } from '../runtime/support/text-store';
import type { Bench, FaultCase } from './support/case';
import { ROOT } from '../support/compile-programs';
import { Metrics } from './support/metrics';
import { Store, TINY_BODY } from './support/models';
import { openFiles, Peak, residentBytes, until } from './support/proc';
import { Held } from './support/raw';
import { KEY, Server } from './support/servers';
import { MIB } from './support/stats';
import { send } from './support/traffic';

/** What may wait for one reader. */
const CAP = 4 * MIB;
const TOKENS = 4_500;
/** Answers of this size are asked for and not read. */
const ANSWER = 6 * MIB;
const PATIENCE_MS = 75_000;
/** After this the answers are made, and before the patience of the server ends. */
const STEADY_MS = 10_000;
/** After this a stream of inferences holds what it is going to hold. */
const FILLED_MS = 5_000;

const POST = (to: string, body: string): string =>
  `POST ${to} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

const rows = Math.floor(ANSWER / 8);

/** Streams of tokens that nobody reads. */
function streams(port: number, count: number): Held[] {
  const messages = [{ role: 'user', content: 'the' }];
  // Control tokens end an answer; without them it goes on until it has its length.
  const ends = (TRAINED.document as { added_tokens: { id: number }[] }).added_tokens.map(
    ({ id }) => [id, -100] as const,
  );
  const options = {
    logit_bias: Object.fromEntries(ends),
    max_tokens: TOKENS,
    logprobs: true,
    top_logprobs: 20,
    stream: true,
  };
  const body = JSON.stringify({ model: 'decoder', messages, ...options });
  return Array.from({ length: count }, () => {
    const held = new Held(port, (socket) => {
      socket.pause();
      socket.write(POST(`${PATHS.openai}/chat/completions`, body));
    });
    return held;
  });
}

/** Whole answers of 6 MiB over HTTP that nobody reads. */
function answers(port: number, count: number): Held[] {
  const head = JSON.stringify({
    inputs: [{ name: 'x', datatype: 'FP32', shape: [rows, 2], parameters: { binary_data_size: rows * 8 } }],
    parameters: { binary_data_output: true },
  });
  const text = [
    `POST ${inferPath('big')} HTTP/1.1`,
    ...['host: x', `authorization: Bearer ${KEY}`, 'content-type: application/octet-stream'],
    ...[`content-length: ${head.length + rows * 8}`, `inference-header-content-length: ${head.length}`, '', head],
  ].join('\r\n');
  return Array.from({ length: count }, () => {
    return new Held(port, (socket) => {
      socket.pause();
      socket.write(text);
      socket.write(Buffer.alloc(rows * 8));
    });
  });
}

/** A connection to the gRPC port. */
function connection(bench: Bench, port: number): http2.ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  bench.after(() => session.destroy());
  return session;
}

/** A request for inference with so many rows, as gRPC frames it. */
function framed(model: string, rowCount: number): Buffer {
  const root = loadSync(path.join(ROOT, 'runtime/inference/grpc/protos/open-inference.proto'));
  const type = root.lookupType('inference.ModelInferRequest');
  const input = { name: 'x', datatype: 'FP32', shape: [rowCount, 2] };
  const message = type
    .encode({ modelName: model, inputs: [input], rawInputContents: [Buffer.alloc(rowCount * 8)] })
    .finish();
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** A call whose answers nobody reads: the window of its stream stays closed. */
function unread(session: http2.ClientHttp2Session, procedure: string): http2.ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/inference.GRPCInferenceService/${procedure}`,
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: `Bearer ${KEY}`,
  });
  stream.on('error', () => undefined);
  stream.pause();
  return stream;
}

/** Answers over gRPC that nobody reads. */
function calls(bench: Bench, port: number, count: number): http2.ClientHttp2Session {
  const [session, message] = [connection(bench, port), framed('big', rows)];
  for (let index = 0; index < count; index += 1) unread(session, 'ModelInfer').end(message);
  return session;
}

/** A way to ask over a stream of inferences. */
interface Asking {
  readonly what: string;
  /** Rows of each request, and so of its answer: 8 bytes each. */
  readonly rows: number;
  readonly requests: number;
}

/** Together far more than what may be held. */
const ASKING = [
  { what: 'of 1 KiB', rows: 128, requests: 32_768 },
  { what: 'of 1 MiB', rows: MIB / 8, requests: 64 },
] as const satisfies readonly Asking[];

/** Clients with a connection each that ask on and on over one stream, as fast as they may, and never read. */
function inferStreams(bench: Bench, port: number, count: number, asking: Asking): http2.ClientHttp2Session[] {
  const message = framed('big', asking.rows);
  const requests = function* (): Generator<Buffer> {
    for (let sent = 0; sent < asking.requests; sent += 1) yield message;
  };
  return Array.from({ length: count }, () => {
    const session = connection(bench, port);
    Readable.from(requests(), { objectMode: true, highWaterMark: 1 }).pipe(unread(session, 'ModelStreamInfer'));
    return session;
  });
}

/** Bytes that the front holds, garbage collected: the least of some looks, since requests are under way. */
async function held(server: Server, metrics: number, looks: number): Promise<number> {
  let least = Infinity;
  for (let look = 0; look < looks; look += 1) {
    server.collect();
    const all = await Metrics.of(metrics);
    least = Math.min(least, all.sum('nodejs_heap_size_used_bytes') + all.sum('nodejs_external_memory_bytes'));
    await delay(1_000);
  }
  return least;
}

/** What each unread stream of inferences holds. Its clients leave afterwards, and nothing of them may stay. */
async function heldForInferStreams(bench: Bench, server: Server, count: number): Promise<void> {
  const { grpc, metrics } = await server.ports();
  for (const asking of ASKING) {
    const [memory, files] = [await held(server, metrics, 3), openFiles(server.pid)];
    const sessions = inferStreams(bench, grpc, count, asking);
    const came = await until(() => openFiles(server.pid) >= files + count, 10_000);
    bench.must(`streams of inferences ${asking.what} came`, came, '= true', came);
    await delay(FILLED_MS);
    const waiting = await held(server, metrics, 4);
    bench.atMost(
      `memory held for each stream of inferences ${asking.what} MiB`,
      (waiting - memory) / count / MIB,
      CAP / MIB,
    );
    for (const session of sessions) session.destroy();
    await until(() => openFiles(server.pid) <= files, 5_000);
  }
}

/** Clients that ask and never read: streams of tokens and of inferences, whole answers, calls. */
export const slowReaders: FaultCase = {
  id: 'R-13',
  what: 'readers that never read: SSE, HTTP answers, gRPC answers, gRPC streams',
  limit: { scaled: 150, full: 400 },
  run: async (bench) => {
    const readers = bench.count('readers of each kind', 4, 16);
    const store = new Store(bench.folder)
      .push('big', '1', identityModel('FP32'))
      .push('tiny', '1', identityModel('FP32'));
    const size = { ...TINY, positions: TOKENS + 64, layers: 1 };
    pushModel(
      store.dir,
      'decoder',
      '1',
      decoderFiles({ size }, { max_position_embeddings: size.positions, eos_token_id: [] }),
    );
    const pinned = ['big', 'tiny', 'decoder'].map((name) => ({ name, load: 'pinned' as const }));
    const settings = { ...store.serving(...pinned), grpcPort: '0', workers: '1', maxBatchSize: '1' };
    const server = await Server.ready(settings, { collects: true });
    const { http: port, grpc, metrics } = await server.ports();
    const warm = JSON.stringify({ model: 'decoder', prompt: 'the', max_tokens: 4 });
    await send({ port, path: `${PATHS.openai}/completions`, body: warm });
    for (let turn = 0; turn < 20; turn += 1) await send({ port, path: inferPath('tiny'), body: TINY_BODY });
    const peak = new Peak(() => residentBytes(server.pid));
    const [memory, files] = [await held(server, metrics, 3), openFiles(server.pid)];
    const sse = streams(port, readers);
    await delay(STEADY_MS);
    const waiting = await held(server, metrics, 8);
    const whole = answers(port, readers);
    const asking = ASKING.flatMap((each) => inferStreams(bench, grpc, readers, each));
    const remote = [calls(bench, grpc, readers), ...asking];
    bench.after(() => [...sse, ...whole].forEach((held) => held.end()));
    const came = await until(() => openFiles(server.pid) >= files + readers + remote.length, 10_000);
    bench.must('readers came', came, '= true', came);
    // A paused socket does not see its end: the server's descriptors tell.
    const gone = await until(() => openFiles(server.pid) <= files, PATIENCE_MS);
    bench.must('connections left, HTTP and gRPC', openFiles(server.pid) - files, '<= 0', gone);
    bench.note(`slow streams in the log ${server.lines('the stream ended early').length}`);
    bench.atMost('memory held for each stream MiB', (waiting - memory) / readers / MIB, CAP / MIB);
    bench.note(`most of the process ${(peak.end() / MIB).toFixed(0)} MiB`);
    for (const held of [...sse, ...whole]) held.end();
    for (const session of remote) session.destroy();
    await delay(500);
    await heldForInferStreams(bench, server, readers);
    const back = await until(() => openFiles(server.pid) <= files, 5_000);
    bench.must('descriptors afterwards', openFiles(server.pid), `<= ${files}`, back);
    bench.equal(
      'a good request afterwards',
      (await send({ port, path: inferPath('tiny'), body: TINY_BODY })).outcome,
      '200',
    );
  },
};
