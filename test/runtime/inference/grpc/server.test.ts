import { setTimeout as delay } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type { ClientReadableStream } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { METRICS } from '../../../../runtime/contract';
import { loadServices } from '../../../../runtime/inference/grpc/definitions';
import { rowOf } from '../../../../runtime/inference/grpc/gate';
import { operations } from '../../../../runtime/inference/operations/table';
import { SERVER_NAME } from '../../../../runtime/inference/version';
import { GrpcClient } from '../../support/grpc-client';
import { FULL_KEY, testServer } from '../../support/server';
import type { TestServer } from '../../support/server';

const KEY = { 'x-api-key': FULL_KEY };
const TYPED = {
  model_name: 'demo',
  id: 'q',
  inputs: [{ name: 'x', datatype: 'FP32', shape: ['1', '2'], contents: { fp32_contents: [1, 2.5] } }],
};
const RAW_DATA = Buffer.from(new Float32Array([3, -4]).buffer);
const RAW = {
  model_name: 'demo',
  model_version: '1',
  inputs: [{ name: 'x', datatype: 'FP32', shape: ['1', '2'] }],
  raw_input_contents: [RAW_DATA],
};

let server: TestServer;
let port: number;
let client: GrpcClient;
let health: GrpcClient;

beforeEach(async () => {
  server = await testServer();
  await server.load('model.onnx');
  port = await server.grpc.listen('127.0.0.1', 0);
  client = GrpcClient.inference(port);
  health = GrpcClient.health(port);
});

afterEach(async () => {
  client.close();
  health.close();
  server.grpc.cut();
  await server.app.close();
});

describe('the gRPC form of the protocol', () => {
  it('answers typed contents with typed contents', async () => {
    expect(await client.call('ModelInfer', TYPED, KEY)).toMatchObject({
      model_name: 'demo',
      model_version: '1',
      id: 'q',
      outputs: [{ name: 'y', datatype: 'FP32', shape: ['1', '2'], contents: { fp32_contents: [1, 2.5] } }],
      raw_output_contents: [],
    });
  });

  it('answers raw contents with raw contents', async () => {
    const answer = await client.call('ModelInfer', RAW, KEY);
    expect(answer).toMatchObject({ outputs: [{ name: 'y', contents: null }] });
    expect(answer['raw_output_contents']).toEqual([RAW_DATA]);
  });

  it('answers typed contents with raw ones where the outputs have more than 100 000 elements together', async () => {
    const asked = async (rows: number, outputs: number): Promise<[typed: number, raw: number]> => {
      const tensor = { name: 'y', datatype: 'INT8', shape: [rows, 2], data: new Uint8Array(2 * rows) } as const;
      server.backend.run = () =>
        Promise.resolve(Array.from({ length: outputs }, (_, n) => ({ ...tensor, name: `y${n}` })));
      const answer = (await client.call('ModelInfer', TYPED, KEY)) as {
        readonly outputs: readonly { readonly contents: { readonly int_contents: readonly number[] } | null }[];
        readonly raw_output_contents: readonly Uint8Array[];
      };
      const typed = answer.outputs.map(({ contents }) => contents?.int_contents.length ?? 0);
      return [typed.reduce((sum, each) => sum + each, 0), answer.raw_output_contents.length];
    };
    expect(await asked(50_000, 1)).toEqual([100_000, 0]);
    expect(await asked(50_001, 1)).toEqual([0, 1]);
    expect(await asked(25_000, 2)).toEqual([100_000, 0]);
    expect(await asked(25_001, 2)).toEqual([0, 2]);
  });

  it('describes itself and its model, and says whether it is ready', async () => {
    expect(await client.call('ServerLive', {})).toEqual({ live: true });
    expect(await client.call('ServerReady', {})).toEqual({ ready: true });
    expect(await client.call('ServerMetadata', {}, KEY)).toMatchObject({ name: SERVER_NAME });
    expect(await client.call('ModelReady', { name: 'demo', version: '1' }, KEY)).toEqual({ ready: true });
    expect(await client.call('ModelMetadata', { name: 'demo' }, KEY)).toMatchObject({
      name: 'demo',
      versions: ['1'],
      inputs: [{ name: 'x', datatype: 'FP32', shape: ['-1', '2'] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: ['-1', '2'] }],
    });
    server.backend.up = false;
    expect(await client.call('ServerReady', {})).toEqual({ ready: false });
  });

  it('lists the repository', async () => {
    expect(await client.call('RepositoryIndex', {}, KEY)).toEqual({
      models: [{ name: 'demo', version: '1', state: 'READY', reason: '' }],
    });
  });

  const input = TYPED.inputs[0];
  it.each([
    ['another model', { ...TYPED, model_name: 'other' }, status.NOT_FOUND, 'not served here'],
    ['another version', { ...TYPED, model_version: '9' }, status.NOT_FOUND, 'not served here'],
    ['a missing input', { ...TYPED, inputs: [] }, status.INVALID_ARGUMENT, 'input "x" is missing'],
    ['an input twice', { ...TYPED, inputs: [input, input] }, status.INVALID_ARGUMENT, 'names "x" twice'],
    [
      'contents of another member',
      { ...TYPED, inputs: [{ ...input, contents: { int_contents: [1, 2] } }] },
      status.INVALID_ARGUMENT,
      'contents has int_contents; FP32 takes fp32_contents',
    ],
    [
      'too few elements',
      { ...TYPED, inputs: [{ ...input, contents: { fp32_contents: [1] } }] },
      status.INVALID_ARGUMENT,
      'shape has 2 elements, fp32_contents has 1',
    ],
    ['an unknown datatype', { ...TYPED, inputs: [{ ...input, datatype: 'FP8' }] }, status.INVALID_ARGUMENT, 'datatype'],
    ['a negative size', { ...TYPED, inputs: [{ ...input, shape: ['-1', '2'] }] }, status.INVALID_ARGUMENT, 'from 1'],
    [
      'a size beyond all bounds',
      { ...TYPED, inputs: [{ ...input, shape: ['9223372036854775807', '9223372036854775807'] }] },
      status.INVALID_ARGUMENT,
      'shape',
    ],
    ['both forms', { ...TYPED, raw_input_contents: [RAW_DATA] }, status.INVALID_ARGUMENT, 'exclude one another'],
    ['raw data too short', { ...RAW, raw_input_contents: [Buffer.alloc(4)] }, status.INVALID_ARGUMENT, 'bytes'],
    [
      'raw data too many',
      { ...RAW, raw_input_contents: [RAW_DATA, RAW_DATA] },
      status.INVALID_ARGUMENT,
      'has 2 entries',
    ],
    ['an unknown output', { ...TYPED, outputs: [{ name: 'z' }] }, status.INVALID_ARGUMENT, 'output "z" is unknown'],
  ])('refuses %s with a status and a message', async (_title, request, code, message) => {
    const error = await client.refused('ModelInfer', request, KEY);
    expect([error.code, error.details]).toEqual([code, expect.stringContaining(message)]);
    expect(error.metadata.get('x-error-code')[0]).toMatch(/^LNMT8\d{3}$/);
  });

  it('keeps what went wrong inside to itself', async () => {
    server.backend.run = async () => {
      throw new Error('/secret/path exploded');
    };
    const error = await client.refused('ModelInfer', TYPED, KEY);
    expect([error.code, error.details]).toEqual([status.INTERNAL, 'the server failed']);
    expect(JSON.stringify(error.metadata)).not.toContain('secret');
  });

  it('refuses a message beyond its limit', async () => {
    const data = Buffer.alloc(65 * 1024 * 1024);
    const error = await client.refused('ModelInfer', { ...RAW, raw_input_contents: [data] }, KEY);
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(server.backend.runs).toBe(0);
  });

  it('refuses an answer beyond its limit before it is written, and says what helps', async () => {
    const reader = GrpcClient.inference(port, undefined, { 'grpc.max_receive_message_length': -1 });
    const give = (bytes: number): void => {
      const output = { name: 'y', datatype: 'FP32', shape: [bytes / 8, 2], data: new Uint8Array(bytes) } as const;
      server.backend.run = () => Promise.resolve([output]);
    };
    for (const request of [RAW, TYPED]) {
      give(64 * 2 ** 20);
      const error = await client.refused('ModelInfer', request, KEY);
      expect([error.code, error.metadata.get('x-error-code')]).toEqual([status.RESOURCE_EXHAUSTED, ['LNMT8216']]);
      expect(error.details).toMatch(
        /^the answer takes up to \d+ bytes as a message, and 67108864 are possible; ask for /,
      );
    }
    give(64 * 2 ** 20 - 8_192);
    const answer = await reader.call('ModelInfer', RAW, KEY);
    expect(answer['raw_output_contents']).toMatchObject([{ length: 64 * 2 ** 20 - 8_192 }]);
    reader.close();
  });

  it('counts calls beside those of HTTP', async () => {
    await client.call('ModelInfer', TYPED, KEY);
    await client.refused('ModelInfer', { ...TYPED, model_name: 'invented' }, KEY);
    const text = await server.registry.metrics();
    expect(text).toContain(`${METRICS.inferenceRequests.name}{model="demo",version="1",code="200"} 1`);
    expect(text).toContain(`${METRICS.inferenceRequests.name}{model="other",version="other",code="404"} 1`);
  });
});

describe('deadlines and departures over gRPC', () => {
  const hold = (): (() => void) => {
    let open: () => void = () => undefined;
    server.backend.gate = new Promise((resolve) => (open = resolve));
    return open;
  };

  it('a call whose deadline passes while it waits is never run', async () => {
    server.backend.takes = { ...server.backend.takes, workers: 1 };
    const open = hold();
    const first = client.call('ModelInfer', TYPED, KEY);
    await expect.poll(() => server.backend.runs).toBe(1);
    const late = client.call('ModelInfer', RAW, KEY, { deadline: Date.now() + 100 });
    await expect(late).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
    // The clocks of both ends are not the same.
    await delay(50);
    open();
    await first;
    await delay(50);
    expect(server.backend.runs).toBe(1);
    expect(server.admission.inFlight).toBe(0);
  });

  it('a client that leaves frees its place at once, and its work is never run', async () => {
    server.backend.takes = { ...server.backend.takes, workers: 1 };
    const open = hold();
    const first = client.call('ModelInfer', TYPED, KEY);
    await expect.poll(() => server.backend.runs).toBe(1);
    const leave = new AbortController();
    const second = client.call('ModelInfer', RAW, KEY, {}, leave.signal);
    second.catch(() => undefined);
    await expect.poll(() => server.admission.inFlight).toBe(2);
    leave.abort();
    await expect(second).rejects.toMatchObject({ code: status.CANCELLED });
    await expect.poll(() => server.admission.inFlight).toBe(1);
    open();
    await first;
    expect(server.backend.runs).toBe(1);
    expect(await server.registry.metrics()).toContain(
      `${METRICS.inferenceRequests.name}{model="demo",version="1",code="499"} 1`,
    );
  });
});

describe('the repository over gRPC', () => {
  it('refuses to unload a pinned model, and a parameter that is not taken, each with a status of its own', async () => {
    const target = { model_name: 'demo' };
    const pinned = await client.refused('RepositoryModelUnload', target, KEY);
    expect([pinned.code, pinned.details]).toEqual([
      status.FAILED_PRECONDITION,
      'the model is pinned: it stays in memory as long as the server runs',
    ]);
    const parameters = { config: { string_param: '{}' } };
    const strange = await client.refused('RepositoryModelLoad', { ...target, parameters }, KEY);
    expect([strange.code, strange.details]).toEqual([
      status.INVALID_ARGUMENT,
      'the parameter "config" is not supported; models come from the repository',
    ]);
  });
});

describe('access over gRPC', () => {
  const CALLS = [
    ['ServerMetadata', {}],
    ['ModelMetadata', { name: 'demo' }],
    ['ModelReady', { name: 'demo' }],
    ['ModelConfig', { name: 'demo' }],
    ['ModelStatistics', {}],
    ['ModelInfer', TYPED],
    ['RepositoryIndex', {}],
    ['RepositoryModelLoad', { model_name: 'demo' }],
    ['RepositoryModelUnload', { model_name: 'demo' }],
  ] as const;

  it('covers every procedure but those of health', () => {
    const { inference } = loadServices();
    const open = ['ServerLive', 'ServerReady'];
    // Streams have a test file of their own.
    const streams = ['ModelStreamInfer'];
    expect([...CALLS.map(([name]) => name), ...open, ...streams].sort()).toEqual(Object.keys(inference).sort());
  });

  it.each(CALLS)('to %s needs a valid key', async (name, request) => {
    for (const headers of [
      {},
      { 'x-api-key': 'wrong' },
      { authorization: 'Bearer expired-key' },
      { 'x-api-key': 'expired-key' },
    ]) {
      const error = await client.refused(name, request, headers as Record<string, string>);
      expect([error.code, error.details]).toEqual([status.UNAUTHENTICATED, 'a valid API key or token is needed']);
    }
  });

  it('needs the scope of the operation', async () => {
    const denied = async (name: string, request: object, key: string): Promise<number> =>
      (await client.refused(name, request, { 'x-api-key': key })).code;
    expect(await denied('ModelInfer', TYPED, 'read-key')).toBe(status.PERMISSION_DENIED);
    expect(await denied('ServerMetadata', {}, 'infer-key')).toBe(status.PERMISSION_DENIED);
    expect(await denied('RepositoryIndex', {}, 'read-key')).toBe(status.PERMISSION_DENIED);
    await client.call('ModelInfer', TYPED, { authorization: 'Bearer infer-key' });
  });

  it('is stated for every procedure of the services, or the server refuses to be built', () => {
    const { inference, health: healthService } = loadServices();
    const paths = [inference, healthService].flatMap((service) => Object.values(service).map(({ path }) => path));
    const listed = operations.flatMap(([, { rpc = [] }]) => rpc.map((name) => `/${name}`));
    expect([...listed].sort()).toEqual([...paths].sort());
    expect(() => rowOf('/inference.GRPCInferenceService/Secret')).toThrow(
      'LNMT8106: a route or procedure has no entry in the operation table: procedure /inference.GRPCInferenceService/Secret',
    );
  });
});

describe('the health service', () => {
  it('answers for the server and for its services, and knows no others', async () => {
    for (const service of ['', 'inference.GRPCInferenceService']) {
      expect(await health.call('Check', { service })).toEqual({ status: 'SERVING' });
    }
    expect((await health.refused('Check', { service: 'x' })).code).toBe(status.NOT_FOUND);
    server.health.markDraining();
    expect(await health.call('Check', {})).toEqual({ status: 'NOT_SERVING' });
  });

  it('tells those who watch when it changes', async () => {
    const watch = Reflect.get(health.raw, 'Watch') as (request: object) => ClientReadableStream<{ status: string }>;
    const seen: string[] = [];
    const stream = watch.call(health.raw, { service: '' });
    const ended = new Promise((resolve) => stream.on('end', resolve).on('error', resolve));
    stream.on('data', ({ status: state }: { status: string }) => seen.push(state));
    await expect.poll(() => seen).toEqual(['SERVING']);
    server.backend.up = false;
    await expect.poll(() => seen, { timeout: 3_000 }).toEqual(['SERVING', 'NOT_SERVING']);
    server.backend.up = true;
    await expect.poll(() => seen, { timeout: 3_000 }).toEqual(['SERVING', 'NOT_SERVING', 'SERVING']);
    server.health.markDraining();
    await ended;
    expect(seen.at(-1)).toBe('NOT_SERVING');
  });
});

describe('draining over gRPC', () => {
  it('finishes what is in flight, sends clients elsewhere, and still accepts until it closes', async () => {
    let open: () => void = () => undefined;
    server.backend.gate = new Promise((resolve) => (open = resolve));
    const held = client.call('ModelInfer', TYPED, KEY);
    await expect.poll(() => server.backend.runs).toBe(1);
    server.health.markDraining();
    server.grpc.drain();
    const late = GrpcClient.inference(port);
    const accepted = late.call('ModelInfer', RAW, KEY);
    await expect.poll(() => server.admission.inFlight).toBe(2);
    let isClosed = false;
    const closed = server.grpc.close().then(() => (isClosed = true));
    await delay(100);
    expect(isClosed).toBe(false);
    open();
    expect(await held).toMatchObject({ id: 'q' });
    expect(await accepted).toMatchObject({ model_name: 'demo' });
    await closed;
    expect((await late.refused('ServerLive', {})).code).toBe(status.UNAVAILABLE);
    late.close();
  });

  it('answers what is open when the time is over with UNAVAILABLE, its code and when to repeat', async () => {
    server.backend.gate = new Promise(() => undefined);
    const held = client.refused('ModelInfer', TYPED, KEY);
    await expect.poll(() => server.backend.runs).toBe(1);
    server.health.markDraining();
    server.grpc.drain();
    server.open.close();
    const closed = server.grpc.close();
    const [cut] = server.open.cut();
    expect(cut).toMatchObject({ route: '/inference.GRPCInferenceService/ModelInfer', model: 'demo' });
    const { code, metadata } = await held;
    expect([code, metadata.get('x-error-code'), metadata.get('retry-after')]).toEqual([
      status.UNAVAILABLE,
      ['LNMT8004'],
      ['1'],
    ]);
    await closed;
    expect(await server.registry.metrics()).toContain('{model="demo",version="1",code="503"} 1');
  });
});
