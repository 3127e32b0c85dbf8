import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HEADERS, inferPath, METRICS } from '../../../runtime/contract';
import { DEMO_REQUEST, FULL_KEY, testServer } from '../support/server';
import type { TestServer } from '../support/server';

const key = { 'x-api-key': FULL_KEY };
const url = inferPath('demo');

const floats = (...values: number[]): Buffer => Buffer.from(new Float32Array(values).buffer);

function binary(more: object = {}, size = 8): { payload: Buffer; headers: Record<string, string> } {
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: size } }];
  const json = Buffer.from(JSON.stringify({ inputs, ...more }));
  const headers = { ...key, [HEADERS.inferenceHeaderLength]: String(json.length) };
  return { payload: Buffer.concat([json, floats(1, 2.5)]), headers };
}

describe('the infer route of a model that is loaded on demand', () => {
  it('answers 504 at the deadline of a request, counts it, and loads the model for others', async () => {
    const server = await testServer({ load: 'lazy' });
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const load = server.backend.load.bind(server.backend);
    server.backend.load = (file) => gate.then(() => load(file));
    await server.load('model.onnx');
    await expect.poll(() => server.models.isReady('demo', undefined)).toBe(true);
    const post = (headers: object) =>
      server.app.inject({ method: 'POST', url, payload: DEMO_REQUEST, headers: { ...key, ...headers } });
    const other = post({});
    const late = await post({ [HEADERS.requestTimeout]: '50' });
    expect([late.statusCode, late.json()]).toEqual([
      504,
      { error: 'the deadline of the request passed before the model could run' },
    ]);
    open();
    expect((await other).statusCode).toBe(200);
    expect((await post({ [HEADERS.requestTimeout]: '5000' })).statusCode).toBe(200);
    const text = await server.registry.metrics();
    expect(text).toContain(`${METRICS.queueDropped.name}{model="demo",version="1",reason="expired"} 1`);
    await server.app.close();
  });
});

describe('the infer route', () => {
  let server: TestServer;

  beforeEach(async () => {
    server = await testServer();
    await server.load('model.onnx');
  });

  afterEach(() => server.app.close());

  const post = (request: { payload: Buffer | object; headers: Record<string, string> }) =>
    server.app.inject({ method: 'POST', url, ...request });

  const variants: readonly Record<string, string>[] = [
    {},
    { 'content-type': 'application/octet-stream' },
    { 'content-type': 'application/json' },
  ];

  it.each(variants)('takes binary tensors with the headers %j', async (extra) => {
    const { payload, headers } = binary();
    const answer = await post({ payload, headers: { ...headers, ...extra } });
    expect(answer.json()).toMatchObject({
      outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2], data: [1, 2.5] }],
    });
    expect(answer.headers[HEADERS.inferenceHeaderLength]).toBeUndefined();
  });

  it('gives binary tensors where they are asked for, after a JSON part whose length is stated', async () => {
    const answer = await post(binary({ parameters: { binary_data_output: true } }));
    expect(answer.headers['content-type']).toBe('application/octet-stream');
    const length = Number(answer.headers[HEADERS.inferenceHeaderLength]);
    expect(JSON.parse(answer.rawPayload.subarray(0, length).toString())).toMatchObject({
      outputs: [{ name: 'y', parameters: { binary_data_size: 8 } }],
    });
    expect(answer.rawPayload.subarray(length)).toEqual(floats(1, 2.5));
    expect(Number(answer.headers['content-length'])).toBe(length + 8);
  });

  it('reads numbers in a flat list at once, and many values in any other form beside others', async () => {
    const inputOf = (datatype: string, data: object): object => ({ name: 'x', datatype, shape: [5_000, 2], data });
    const order = async (input: object): Promise<readonly (number | undefined)[]> => {
      const rows: (number | undefined)[] = [];
      server.backend.run = async ([given], outputs) => {
        rows.push(given?.shape[0]);
        return given === undefined ? [] : outputs.map((name) => ({ ...given, name }));
      };
      const asked = [{ inputs: [input] }, DEMO_REQUEST].map((payload) => post({ payload, headers: key }));
      const answers = await Promise.all(asked);
      expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
      expect(answers[0]?.json()).toMatchObject({ outputs: [{ data: Array(10_000).fill(0.5) }] });
      return rows;
    };
    const flat = Array<number>(10_000).fill(0.5);
    expect(await order(inputOf('FP32', flat))).toEqual([5_000, 1]);
    const nested = Array<readonly number[]>(5_000).fill([0.5, 0.5]);
    expect(await order(inputOf('FP32', nested))).toEqual([1, 5_000]);
  });

  it('gives long answers whole, and lets others be answered meanwhile', async () => {
    const count = 200_000;
    const floatsOf = Float32Array.from({ length: count }, (_, index) => index / 3);
    const inputs = [
      { name: 'x', datatype: 'FP32', shape: [count / 2, 2], parameters: { binary_data_size: count * 4 } },
    ];
    const json = Buffer.from(JSON.stringify({ inputs }));
    const headers = { ...key, [HEADERS.inferenceHeaderLength]: String(json.length) };
    // It is sent only once somebody waits for it.
    const asked = post({ payload: Buffer.concat([json, Buffer.from(floatsOf.buffer)]), headers }).then((told) => told);
    await expect.poll(() => server.backend.runs).toBe(1);
    const short = post({ payload: DEMO_REQUEST, headers: key }).then((told) => told);
    expect(await Promise.race([asked.then(() => 'long'), short.then(() => 'short')])).toBe('short');
    const answer = await asked;
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect((await short).headers['content-type']).toBe(answer.headers['content-type']);
    const { data } = answer.json<{ outputs: { data: number[] }[] }>().outputs[0] ?? { data: [] };
    expect(Buffer.compare(Buffer.from(Float32Array.from(data).buffer), Buffer.from(floatsOf.buffer))).toBe(0);
  });

  it('refuses a binary body that is not as long as it says with 400, naming the input', async () => {
    const answer = await post(binary({}, 16));
    expect([answer.statusCode, answer.json()]).toEqual([
      400,
      { error: 'input "x": binary_data_size is 16, and 8 bytes are left of the body' },
    ]);
  });

  it('does not run what waited longer than its header allows, and counts it', async () => {
    let open: () => void = () => undefined;
    server.backend.gate = new Promise((resolve) => (open = resolve));
    const first = post({ payload: DEMO_REQUEST, headers: key });
    await expect.poll(() => server.backend.runs).toBe(1);
    const late = await post({ payload: DEMO_REQUEST, headers: { ...key, [HEADERS.requestTimeout]: '20' } });
    expect([late.statusCode, late.json()]).toEqual([
      504,
      { error: 'the deadline of the request passed before the model could run' },
    ]);
    open();
    expect((await first).statusCode).toBe(200);
    expect(server.backend.runs).toBe(1);
    const text = await server.registry.metrics();
    expect(text).toContain(`${METRICS.queueDropped.name}{model="demo",version="1",reason="expired"} 1`);
  });

  it('refuses a timeout that is not in milliseconds', async () => {
    const answer = await post({ payload: DEMO_REQUEST, headers: { ...key, [HEADERS.requestTimeout]: '1s' } });
    expect(answer.statusCode).toBe(400);
  });

  it('counts the requests of a batch, and how long each waited', async () => {
    server.backend.takes = { workers: 1, maxRows: 8 };
    let open: () => void = () => undefined;
    server.backend.gate = new Promise((resolve) => (open = resolve));
    const held = Array.from({ length: 3 }, () => post({ payload: DEMO_REQUEST, headers: key }));
    await expect.poll(() => server.admission.inFlight).toBe(3);
    open();
    await Promise.all(held);
    const text = await server.registry.metrics();
    expect(text).toContain(`${METRICS.batchSize.name}_sum{model="demo",version="1"} 3`);
    expect(text).toContain(`${METRICS.queueDuration.name}_count{model="demo",version="1"} 3`);
  });
});
