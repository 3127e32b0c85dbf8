import { setTimeout as delay } from 'node:timers/promises';
import { deflateSync, gzipSync } from 'node:zlib';
import { compressionAlgorithms, status } from '@grpc/grpc-js';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadServices } from '../../../../runtime/inference/grpc/definitions';
import { PUBLIC_MESSAGE_BYTES } from '../../../../runtime/inference/grpc/incoming';
import { GrpcClient, metadataOf } from '../../support/grpc-client';
import { field, frame, WireClient } from '../../support/grpc-wire';
import { FULL_KEY, testServer } from '../../support/server';
import type { ServerOptions, TestServer } from '../../support/server';

const RECEIVE_MS = 1_000;
const MIB = 2 ** 20;
const KEY = { 'x-api-key': FULL_KEY };
const GZIP = { 'grpc-encoding': 'gzip' };
const CHECK = '/grpc.health.v1.Health/Check';
const OPEN = [
  CHECK,
  '/grpc.health.v1.Health/Watch',
  ...['ServerLive', 'ServerReady'].map((name) => `/inference.GRPCInferenceService/${name}`),
];
const INFER = '/inference.GRPCInferenceService/ModelInfer';
const STREAM = '/inference.GRPCInferenceService/ModelStreamInfer';
const rows = (count: number): object => ({
  ...{ model_name: 'demo', raw_input_contents: [Buffer.alloc(count * 8)] },
  inputs: [{ name: 'x', datatype: 'FP32', shape: [String(count), '2'] }],
});
const encode = (request: object): Buffer =>
  loadServices().inference['ModelInfer']?.requestSerialize(request) ?? Buffer.alloc(0);
const ASKED = encode(rows(1));

let server: TestServer;
let port: number;
let wire: WireClient;

async function start(options: ServerOptions = {}): Promise<void> {
  server = await testServer({ maxConcurrency: 1_000, ...options });
  await server.load('model.onnx');
  port = await server.grpc.listen('127.0.0.1', 0);
  wire = new WireClient(port);
}

async function stop(): Promise<void> {
  wire.close();
  server.grpc.cut();
  await server.app.close();
}

beforeEach(() => start());
afterEach(stop);

/** The same server, that waits for a second only. */
async function hurry(): Promise<void> {
  await stop();
  await start({ receiveMs: RECEIVE_MS });
}

/** Bytes in memory beside the heap, of which messages are. */
const outside = (): number => process.memoryUsage().external;

describe.each(OPEN)('%s, which is open to anyone,', (path) => {
  it('takes no message that says it has more than a few KiB', async () => {
    const call = wire.open(path);
    call.stream.write(frame(Buffer.alloc(100), false, PUBLIC_MESSAGE_BYTES + 1));
    expect(await call.told).toEqual({
      ...{ status: status.RESOURCE_EXHAUSTED, code: 'LNMT8007' },
      message: `the request body is larger than ${PUBLIC_MESSAGE_BYTES} bytes`,
    });
  });

  it('inflates no message to more than that', async () => {
    const bomb = gzipSync(Buffer.alloc(3 * MIB));
    expect(bomb.length).toBeLessThan(PUBLIC_MESSAGE_BYTES);
    const call = wire.open(path, GZIP);
    call.stream.end(frame(bomb, true));
    expect(await call.told).toMatchObject({ status: status.RESOURCE_EXHAUSTED, code: 'LNMT8007' });
  });

  it('waits for no message that does not come, and lets go of what came', async () => {
    await hurry();
    const started = performance.now();
    const call = wire.open(path);
    call.stream.write(frame(Buffer.alloc(PUBLIC_MESSAGE_BYTES - 1), false, PUBLIC_MESSAGE_BYTES));
    expect(await call.told).toEqual({
      ...{ status: status.DEADLINE_EXCEEDED, code: 'LNMT8019' },
      message: `the request did not arrive within ${RECEIVE_MS / 1000} s`,
    });
    await call.closed;
    expect(performance.now() - started).toBeGreaterThan(RECEIVE_MS - 50);
  });
});

describe('a call of nobody', () => {
  it('makes the server hold nothing, however many there are', async () => {
    const bomb = frame(gzipSync(Buffer.alloc(64 * MIB)), true);
    const before = outside();
    const calls = Array.from({ length: 200 }, () => wire.open(CHECK, GZIP));
    for (const { stream } of calls) stream.end(bomb);
    const ends = await Promise.all(calls.map(({ told }) => told));
    expect(new Set(ends.map(({ status: told, code }) => `${told} ${code}`))).toEqual(new Set(['8 LNMT8007']));
    // What this test sends is in the same process: 13 MiB, of which each would be 64.
    expect(outside() - before).toBeLessThan(40 * MIB);
  });

  it('may be compressed where it is small, as of channels that compress everything', async () => {
    const options = { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip };
    const client = GrpcClient.inference(port, undefined, options);
    expect(await client.call('ServerReady', {})).toEqual({ ready: true });
    client.close();
  });

  it('is closed after its refusal, whether its client ends it or not', async () => {
    await hurry();
    const call = wire.open(INFER);
    call.stream.write(frame(ASKED));
    expect((await call.told).status).toBe(status.UNAUTHENTICATED);
    await call.closed;
  });
});

describe('a call with one message', () => {
  beforeEach(hurry);

  it('has a time for it to come', async () => {
    const call = wire.open(INFER, KEY);
    call.stream.write(frame(ASKED).subarray(0, -1));
    expect(await call.told).toMatchObject({ status: status.DEADLINE_EXCEEDED, code: 'LNMT8019' });
    await call.closed;
    const open = wire.open(INFER, KEY);
    open.stream.write(frame(ASKED));
    // Whole, but perhaps there is another: what is never ended is never answered.
    expect(await open.told).toMatchObject({ status: status.DEADLINE_EXCEEDED, code: 'LNMT8019' });
    expect(server.backend.runs).toBe(0);
  });

  it('may come slowly within it, and be answered after it', async () => {
    let release: () => void = () => undefined;
    server.backend.gate = new Promise((resolve) => (release = resolve));
    const call = wire.open(INFER, KEY);
    // Within the head and between head and message, too.
    const cuts = [0, 1, 3, 5, 6, 20, ASKED.length + 5];
    for (const [index, cut] of cuts.slice(1).entries()) {
      call.stream.write(frame(ASKED).subarray(cuts[index], cut));
      await delay(20);
    }
    call.stream.end();
    await delay(RECEIVE_MS + 100);
    release();
    expect((await call.told).status).toBe(status.OK);
  });

  it('says that it is too long before it comes', async () => {
    const call = wire.open(INFER, KEY);
    call.stream.write(frame(ASKED, false, 64 * MIB + 1));
    expect(await call.told).toMatchObject({ status: status.RESOURCE_EXHAUSTED, code: 'LNMT8007' });
    expect(await server.registry.metrics()).toContain('code="413"} 1');
  });
});

describe('a stream of requests', () => {
  beforeEach(hurry);

  it('has a time for each message, and as long as it likes between them', async () => {
    const call = wire.open(STREAM, KEY);
    call.stream.write(frame(ASKED));
    await delay(2 * RECEIVE_MS);
    call.stream.write(Buffer.concat([frame(ASKED), frame(ASKED).subarray(0, 7)]));
    expect(await call.told).toMatchObject({ status: status.DEADLINE_EXCEEDED, code: 'LNMT8019' });
    await call.closed;
    expect(server.backend.runs).toBe(2);
  });

  it('has time while it is the server that does not read', async () => {
    let release: () => void = () => undefined;
    server.backend.gate = new Promise((resolve) => (release = resolve));
    server.backend.takes = { workers: 1, maxRows: 1 };
    const call = wire.open(STREAM, KEY);
    const [head, tail] = [frame(ASKED).subarray(0, 7), frame(ASKED).subarray(7)];
    // Eight are in flight, so that the ninth is not read to its end.
    call.stream.write(Buffer.concat([...Array.from({ length: 8 }, () => frame(ASKED)), head]));
    await expect.poll(() => server.admission.inFlight).toBe(8);
    await delay(2 * RECEIVE_MS);
    release();
    await delay(RECEIVE_MS / 4);
    call.stream.end(tail);
    expect((await call.told).status).toBe(status.OK);
    expect(server.backend.runs).toBe(9);
  });
});

describe('compressed messages', () => {
  it.each([
    ['gzip', compressionAlgorithms.gzip],
    ['deflate', compressionAlgorithms.deflate],
  ])('are read as before, by %s', async (_name, algorithm) => {
    const options = { 'grpc.default_compression_algorithm': algorithm };
    const client = GrpcClient.inference(port, undefined, options);
    const data = Buffer.from(Float32Array.from({ length: 2 ** 18 }, (_, index) => Math.sin(index)).buffer);
    const request = { ...rows(2 ** 17), raw_input_contents: [data] };
    const [answer] = (await client.call('ModelInfer', request, KEY))['raw_output_contents'] as Buffer[];
    expect(answer?.equals(data)).toBe(true);
    // Short ones may be as repetitive as they like.
    expect(await client.call('ModelInfer', rows(4_000), KEY)).toMatchObject({ model_name: 'demo' });
    client.close();
  });

  it('are read in streams, in their order and beside plain ones', async () => {
    const options = { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip };
    const client = GrpcClient.inference(port, undefined, options);
    const method = Reflect.get(client.raw, 'ModelStreamInfer') as (
      ...args: unknown[]
    ) => ClientDuplexStream<object, { infer_response: { id: string } }>;
    const stream = method.call(client.raw, metadataOf(KEY));
    const ids: string[] = [];
    stream.on('data', ({ infer_response: { id } }: { infer_response: { id: string } }) => ids.push(id));
    const ended = new Promise((resolve) => stream.on('end', resolve).on('error', resolve));
    const wanted = Array.from({ length: 60 }, (_, index) => `r${index}`);
    for (const id of wanted) stream.write({ ...rows(1), id });
    stream.end();
    await ended;
    expect(ids).toEqual(wanted);
    client.close();
    const call = wire.open(STREAM, { ...KEY, ...GZIP });
    const many = [frame(ASKED), frame(gzipSync(ASKED), true), frame(gzipSync(ASKED), true), frame(ASKED)];
    call.stream.end(Buffer.concat(many));
    expect((await call.told).status).toBe(status.OK);
    expect(server.backend.runs).toBe(64);
  });

  it.each(['ModelInfer', 'ModelStreamInfer'])('that grow more than twentyfold are refused, by %s', async (name) => {
    const bomb = gzipSync(encode(rows(MIB)));
    const call = wire.open(`/inference.GRPCInferenceService/${name}`, { ...KEY, ...GZIP });
    call.stream.end(frame(bomb, true));
    expect(await call.told).toEqual({
      ...{ status: status.RESOURCE_EXHAUSTED, code: 'LNMT8015' },
      message: 'the body grows to more than 20 times its length when it is decompressed',
    });
    expect(server.backend.runs).toBe(0);
  });

  it('that are none are refused, and those in another form', async () => {
    const broken = wire.open(INFER, { ...KEY, ...GZIP });
    broken.stream.end(frame(Buffer.from('no gzip'), true));
    expect(await broken.told).toEqual({
      ...{ status: status.INVALID_ARGUMENT, code: 'LNMT8201' },
      message: 'the message cannot be decompressed',
    });
    const other = wire.open(INFER, { ...KEY, 'grpc-encoding': 'zstd' });
    other.stream.end(frame(deflateSync(ASKED), true));
    expect((await other.told).status).toBe(status.UNIMPLEMENTED);
    const inherited = wire.open(INFER, { ...KEY, 'grpc-encoding': 'constructor' });
    inherited.stream.end(frame(deflateSync(ASKED), true));
    expect((await inherited.told).status).toBe(status.UNIMPLEMENTED);
  });

  it('are inflated one after another where many come at once', async () => {
    let release: () => void = () => undefined;
    server.backend.gate = new Promise((resolve) => (release = resolve));
    const before = outside();
    // Each becomes 60 KiB, which is not too much for one.
    const each = frame(gzipSync(encode(rows(7_500))), true);
    const call = wire.open(STREAM, { ...KEY, ...GZIP });
    call.stream.end(Buffer.concat(Array.from({ length: 120 }, () => each)));
    await expect.poll(() => server.backend.runs).toBeGreaterThan(0);
    await delay(100);
    expect(outside() - before).toBeLessThan(4 * MIB);
    release();
    expect((await call.told).status).toBe(status.OK);
    expect(server.backend.runs).toBe(120);
  });
});

describe('the largest message', () => {
  const large = rows((65 * MIB) / 8);

  it('is 64 MiB, whatever bodies of HTTP may have below that', async () => {
    await stop();
    await start({ maxRequestBytes: 1_024 });
    const client = GrpcClient.inference(port, undefined, { 'grpc.max_receive_message_length': -1 });
    expect(await client.call('ModelInfer', rows(MIB), KEY)).toMatchObject({ model_name: 'demo' });
    const error = await client.refused('ModelInfer', large, KEY);
    expect([error.code, error.metadata.get('x-error-code')]).toEqual([status.RESOURCE_EXHAUSTED, ['LNMT8007']]);
    client.close();
  });

  it('is that of HTTP where it is more', async () => {
    await stop();
    await start({ maxRequestBytes: 80 * MIB });
    const client = GrpcClient.inference(port, undefined, { 'grpc.max_receive_message_length': -1 });
    expect(await client.call('ModelInfer', large, KEY)).toMatchObject({ model_name: 'demo' });
    client.close();
  });
});

describe('messages that take more than they may', () => {
  const HOARD = Buffer.concat([field(1, Buffer.from('demo')), field(5, field(5, field(3, Buffer.alloc(8 * MIB, 1))))]);

  it('are refused with what to do instead', async () => {
    const call = wire.open(INFER, KEY);
    call.stream.end(frame(HOARD));
    const told = await call.told;
    expect(told).toMatchObject({ status: status.RESOURCE_EXHAUSTED, code: 'LNMT8209' });
    expect(told.message).toContain('send large tensors in raw_input_contents');
    expect(await server.registry.metrics()).toContain('{model="other",version="other",code="413"} 1');
  });

  it('and those that are none are told so in the answers of a stream, which goes on', async () => {
    const client = GrpcClient.inference(port);
    const { path = '', responseDeserialize } = loadServices().inference['ModelStreamInfer'] ?? {};
    const stream = client.raw.makeBidiStreamRequest<Buffer, { error_message: string }>(
      path,
      (bytes) => bytes,
      (bytes) => responseDeserialize?.(bytes) as { error_message: string },
      metadataOf(KEY),
    );
    const told: string[] = [];
    stream.on('data', ({ error_message: message }: { error_message: string }) => told.push(message));
    const ended = new Promise((resolve) => stream.on('end', () => resolve('end')).on('error', resolve));
    for (const bytes of [ASKED, HOARD, Buffer.from([0x7b]), field(1, Buffer.alloc(200, 'm')), ASKED])
      stream.write(bytes);
    stream.end();
    expect(await ended).toBe('end');
    expect(told.map((message) => message.slice(0, 50))).toEqual([
      '',
      '[LNMT8209] the message has more than 1000000 integ',
      '[LNMT8201] the message is not what protobuf makes ',
      '[LNMT8201] model_name is longer than 128 bytes',
      '',
    ]);
    client.close();
  });
});
