import { setTimeout as delay } from 'node:timers/promises';
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { METRICS } from '../../../../runtime/contract';
import { STREAM_LIMITS } from '../../../../runtime/inference/grpc/stream-room';
import { GrpcClient, metadataOf } from '../../support/grpc-client';
import { FULL_KEY, testServer } from '../../support/server';
import type { ServerOptions, TestServer } from '../../support/server';

const asked = (id: string, values: readonly number[] = [1, 2.5], model = 'demo'): object => ({
  ...{ model_name: model, id },
  inputs: [{ name: 'x', datatype: 'FP32', shape: ['1', '2'], contents: { fp32_contents: values } }],
});

interface Told {
  readonly error_message: string;
  readonly infer_response: { readonly id: string; readonly outputs: readonly object[]; readonly parameters: object };
}

/** A stream, what it said, and how it ended. */
class Stream {
  readonly told: Told[] = [];
  readonly ended: Promise<ServiceError | undefined>;
  readonly call: ClientDuplexStream<object, Told>;

  constructor(client: GrpcClient, key: string) {
    const method = Reflect.get(client.raw, 'ModelStreamInfer') as (
      ...args: unknown[]
    ) => ClientDuplexStream<object, Told>;
    this.call = method.call(client.raw, metadataOf({ 'x-api-key': key }));
    this.call.on('data', (told: Told) => this.told.push(told));
    this.ended = new Promise((resolve) => {
      this.call.on('error', (error: ServiceError) => resolve(error));
      this.call.on('end', () => resolve(undefined));
    });
  }

  ids(): readonly string[] {
    return this.told.map(({ infer_response: { id } }) => id);
  }
}

let server: TestServer;
let client: GrpcClient;

async function start(options: ServerOptions = {}): Promise<void> {
  server = await testServer({ maxConcurrency: 100, ...options });
  await server.load('model.onnx');
  client = GrpcClient.inference(await server.grpc.listen('127.0.0.1', 0));
}

beforeEach(() => start());

afterEach(async () => {
  client.close();
  server.grpc.cut();
  await server.app.close();
});

const open = (key = FULL_KEY): Stream => new Stream(client, key);

describe('a stream of inferences', () => {
  it('has one answer for each request, in their order, and ends with its client', async () => {
    const stream = open();
    for (let index = 0; index < 50; index += 1) stream.call.write(asked(`r${index}`, [index, -index]));
    stream.call.end();
    expect(await stream.ended).toBeUndefined();
    expect(stream.ids()).toEqual(Array.from({ length: 50 }, (_, index) => `r${index}`));
    expect(stream.told[7]).toMatchObject({
      error_message: '',
      infer_response: {
        model_name: 'demo',
        outputs: [{ name: 'y', contents: { fp32_contents: [7, -7] } }],
        parameters: { triton_final_response: { bool_param: true } },
      },
    });
  });

  it('tells what failed in its answer, and goes on', async () => {
    const stream = open();
    stream.call.write(asked('a'));
    stream.call.write(asked('b', [1]));
    stream.call.write(asked('c', [1, 2], 'invented'));
    stream.call.write({ ...asked('d'), parameters: { sequence_id: { int64_param: 7 } } });
    stream.call.write({ ...asked('e'), parameters: { sequence_id: { int64_param: 0 } } });
    stream.call.end();
    expect(await stream.ended).toBeUndefined();
    expect(stream.ids()).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(stream.told.map(({ error_message: message }) => message)).toEqual([
      '',
      '[LNMT8201] input "x": shape has 2 elements, fp32_contents has 1',
      '[LNMT8202] the model or version is not served here',
      '[LNMT8201] the parameter sequence_id is not supported: models here keep nothing between requests',
      '',
    ]);
  });

  it('goes on after an answer that is longer than a message may be', async () => {
    const [long, short] = [new Uint8Array(64 * 2 ** 20), new Uint8Array(8)];
    server.backend.run = async ([input]) => {
      const data = input?.data.some((byte) => byte > 0) ? long : short;
      return [{ name: 'y', datatype: 'FP32', shape: [data.length / 8, 2], data }];
    };
    const stream = open();
    stream.call.write(asked('a'));
    stream.call.write(asked('b', [0, 0]));
    stream.call.end();
    expect(await stream.ended).toBeUndefined();
    expect(stream.ids()).toEqual(['a', 'b']);
    const [refused, answered] = stream.told.map(({ error_message: message }) => message);
    expect([refused?.slice(0, 33), answered]).toEqual(['[LNMT8216] the answer takes up to', '']);
  });

  it('keeps what went wrong inside to itself', async () => {
    server.backend.run = async () => {
      throw new Error('/secret/path exploded');
    };
    const stream = open();
    stream.call.end(asked('a'));
    await stream.ended;
    expect(stream.told).toMatchObject([{ error_message: '[LNMT8010] the server failed' }]);
  });

  it('reads no further than it may have in flight', async () => {
    let release: () => void = () => undefined;
    server.backend.gate = new Promise((resolve) => (release = resolve));
    server.backend.takes = { workers: 1, maxRows: 1 };
    const stream = open();
    for (let index = 0; index < 40; index += 1) stream.call.write(asked(`r${index}`));
    stream.call.end();
    await expect.poll(() => server.admission.inFlight).toBe(STREAM_LIMITS.inFlight);
    await delay(100);
    expect(server.admission.inFlight).toBe(STREAM_LIMITS.inFlight);
    release();
    await stream.ended;
    expect(stream.ids()).toHaveLength(40);
    expect(server.admission.inFlight).toBe(0);
  });

  it('reads what is large one after another', async () => {
    let release: () => void = () => undefined;
    server.backend.gate = new Promise((resolve) => (release = resolve));
    const rows = STREAM_LIMITS.bytes / 8;
    const large = {
      ...{ model_name: 'demo', raw_input_contents: [Buffer.alloc(rows * 8)] },
      inputs: [{ name: 'x', datatype: 'FP32', shape: [String(rows), '2'] }],
    };
    const stream = open();
    for (let index = 0; index < 4; index += 1) stream.call.write({ ...large, id: `r${index}` });
    stream.call.end();
    await expect.poll(() => server.admission.inFlight).toBe(1);
    await delay(200);
    expect(server.admission.inFlight).toBe(1);
    release();
    expect(await stream.ended).toBeUndefined();
    expect(stream.ids()).toEqual(['r0', 'r1', 'r2', 'r3']);
  });

  it('takes no further request of a client that does not read its answers', async () => {
    const rows = 2 ** 18 / 8;
    const asks = {
      ...{ model_name: 'demo', raw_input_contents: [Buffer.alloc(rows * 8)] },
      inputs: [{ name: 'x', datatype: 'FP32', shape: [String(rows), '2'] }],
    };
    const stream = open();
    stream.call.pause();
    for (let index = 0; index < 60; index += 1) stream.call.write({ ...asks, id: `r${index}` });
    stream.call.end();
    await expect.poll(() => server.backend.runs).toBeGreaterThan(0);
    const settled = async (): Promise<boolean> => {
      const before = server.backend.runs;
      await delay(300);
      return server.backend.runs === before;
    };
    await expect.poll(settled).toBe(true);
    // What the windows of stream and connection and the client itself take besides.
    expect(server.backend.runs).toBeLessThan(30);
    stream.call.resume();
    expect(await stream.ended).toBeUndefined();
    expect(stream.ids()).toEqual(Array.from({ length: 60 }, (_, index) => `r${index}`));
  });

  it('takes its work out of the queue when its client leaves', async () => {
    let release: () => void = () => undefined;
    server.backend.gate = new Promise((resolve) => (release = resolve));
    const stream = open();
    for (let index = 0; index < 5; index += 1) stream.call.write(asked(`r${index}`));
    await expect.poll(() => server.admission.inFlight).toBe(5);
    stream.call.cancel();
    expect((await stream.ended)?.code).toBe(status.CANCELLED);
    await expect.poll(() => server.admission.inFlight).toBeLessThanOrEqual(1);
    release();
    await expect.poll(() => server.admission.inFlight).toBe(0);
    expect(server.backend.runs).toBe(1);
  });

  it('is counted request by request', async () => {
    const stream = open();
    stream.call.write(asked('a'));
    stream.call.end(asked('b'));
    await stream.ended;
    expect(await server.registry.metrics()).toContain(
      `${METRICS.inferenceRequests.name}{model="demo",version="1",code="200"} 2`,
    );
  });
});

describe('access to a stream', () => {
  it('refuses nobody in particular and wrong keys before a message is read', async () => {
    for (const key of ['', 'wrong', 'expired-key']) {
      const stream = open(key);
      stream.call.write(asked('a'));
      expect((await stream.ended)?.code).toBe(status.UNAUTHENTICATED);
      expect(stream.told).toEqual([]);
    }
    expect(server.backend.runs).toBe(0);
  });

  it('refuses each message of a caller that may not infer', async () => {
    const stream = open('read-key');
    stream.call.end(asked('a'));
    await stream.ended;
    expect(stream.told).toMatchObject([{ error_message: "[LNMT8002] the caller lacks the scope 'infer'" }]);
    expect(server.backend.runs).toBe(0);
  });

  it('counts each message as a request of its caller', async () => {
    client.close();
    server.grpc.cut();
    await server.app.close();
    await start({ limits: { ratePerSecond: 1, rateBurst: 3 } });
    const stream = open();
    for (const id of ['a', 'b', 'c', 'd']) stream.call.write(asked(id));
    stream.call.end();
    await stream.ended;
    const refused = stream.told.filter(({ error_message: message }) => message.startsWith('[LNMT8012]'));
    expect(refused).toHaveLength(1);
  });
});

describe('a stream that its client leaves open while the server ends', () => {
  it('is ended with UNAVAILABLE, so that its client goes elsewhere', async () => {
    const stream = open();
    stream.call.write(asked('a'));
    await expect.poll(() => stream.ids()).toEqual(['a']);
    server.grpc.drain();
    stream.call.write(asked('b'));
    await expect.poll(() => stream.ids()).toEqual(['a', 'b']);
    server.open.close();
    const closed = server.grpc.close();
    const error = await stream.ended;
    expect([error?.code, error?.metadata.get('x-error-code')]).toEqual([status.UNAVAILABLE, ['LNMT8004']]);
    await closed;
    expect(stream.told.every(({ error_message: message }) => message === '')).toBe(true);
  });

  it('has its answers first', async () => {
    let release: () => void = () => undefined;
    server.backend.gate = new Promise((resolve) => (release = resolve));
    const stream = open();
    for (const id of ['a', 'b', 'c']) stream.call.write(asked(id));
    await expect.poll(() => server.admission.inFlight).toBe(3);
    server.open.close();
    await delay(50);
    expect(stream.ids()).toEqual([]);
    release();
    expect((await stream.ended)?.code).toBe(status.UNAVAILABLE);
    expect(stream.ids()).toEqual(['a', 'b', 'c']);
    expect(stream.told.map(({ error_message: message }) => message)).toEqual(['', '', '']);
  });

  it('is told what was cut, answer by answer, when the time is over', async () => {
    server.backend.gate = new Promise(() => undefined);
    const stream = open();
    for (const id of ['a', 'b']) stream.call.write(asked(id));
    await expect.poll(() => server.admission.inFlight).toBe(2);
    server.open.close();
    const closed = server.grpc.close();
    expect(server.open.cut().map(({ model }) => model)).toEqual(['demo', 'demo']);
    expect((await stream.ended)?.code).toBe(status.UNAVAILABLE);
    expect(stream.told.map(({ error_message: message }) => message)).toEqual([
      '[LNMT8004] the server is draining; repeat later',
      '[LNMT8004] the server is draining; repeat later',
    ]);
    await closed;
  });

  it('ends as it would where its client has said that nothing more comes', async () => {
    let release: () => void = () => undefined;
    server.backend.gate = new Promise((resolve) => (release = resolve));
    const stream = open();
    stream.call.end(asked('a'));
    await expect.poll(() => server.admission.inFlight).toBe(1);
    await delay(50);
    server.open.close();
    release();
    expect(await stream.ended).toBeUndefined();
    expect(stream.ids()).toEqual(['a']);
  });
});
