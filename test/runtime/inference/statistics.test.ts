import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inferPath, modelPath, PATHS, TRITON_METRICS } from '../../../runtime/contract';
import { modelRefused } from '../../../runtime/inference/errors';
import { configurationOf } from '../../../runtime/inference/model-configuration';
import type { ModelStatistics } from '../../../runtime/inference/serving/statistics';
import { DEMO_REQUEST, FULL_KEY, testServer } from '../support/server';
import type { TestServer } from '../support/server';

const DURATIONS = [
  ...['success', 'fail', 'queue', 'compute_input', 'compute_infer', 'compute_output', 'cache_hit', 'cache_miss'],
];

const headers = { 'x-api-key': FULL_KEY };
let server: TestServer;

beforeEach(async () => {
  server = await testServer();
  await server.load('model.onnx');
});

afterEach(() => server.app.close());

/** A server whose model takes several rows at once, in place of the one that does not. */
async function batching(): Promise<void> {
  await server.app.close();
  server = await testServer();
  server.backend.takes = { workers: 3, maxRows: 16 };
  await server.load('model.onnx');
}

const infer = (payload: object, name = 'demo') =>
  server.app.inject({ method: 'POST', url: inferPath(name), payload, headers });

async function statistics(path: string): Promise<readonly ModelStatistics[]> {
  const answer = await server.app.inject({ url: path, headers });
  expect(answer.statusCode).toBe(200);
  return answer.json<{ model_stats: readonly ModelStatistics[] }>().model_stats;
}

describe('the statistics of a model', () => {
  it('begin with nothing', async () => {
    expect(await statistics(`${modelPath('demo')}/stats`)).toEqual([
      {
        ...{ name: 'demo', version: '1', last_inference: 0, inference_count: 0, execution_count: 0 },
        inference_stats: Object.fromEntries(DURATIONS.map((name) => [name, { count: 0, ns: 0 }])),
      },
    ]);
  });

  it('count answers, refusals and runs, with their times', async () => {
    const before = Date.now();
    for (let turn = 0; turn < 3; turn += 1) expect((await infer(DEMO_REQUEST)).statusCode).toBe(200);
    expect((await infer({ inputs: [{ ...DEMO_REQUEST.inputs[0], name: 'z' }] })).statusCode).toBe(400);
    for (const path of [`${modelPath('demo')}/stats`, `${modelPath('demo', '1')}/stats`, `${PATHS.models}/stats`]) {
      const [model, ...others] = await statistics(path);
      expect(others).toEqual([]);
      expect(model).toMatchObject({
        ...{ name: 'demo', version: '1', inference_count: 3, execution_count: 3 },
        inference_stats: {
          success: { count: 3 },
          fail: { count: 1 },
          queue: { count: 3 },
          compute_infer: { count: 3 },
        },
      });
      expect(model?.last_inference).toBeGreaterThanOrEqual(before);
      const { success, compute_infer: compute } = model?.inference_stats ?? {};
      expect(success?.ns).toBeGreaterThan(compute?.ns ?? Infinity);
      expect(Number.isInteger(success?.ns)).toBe(true);
    }
  });

  it('count rows as Triton does, and what was answered only', async () => {
    await batching();
    const rows = { name: 'x', datatype: 'FP32', shape: [4, 2], data: [1, 2, 3, 4, 5, 6, 7, 8] };
    expect((await infer({ inputs: [rows] })).statusCode).toBe(200);
    const once = {
      ...{ inference_count: 4, execution_count: 1 },
      inference_stats: {
        ...{ success: { count: 1 }, queue: { count: 1 }, compute_infer: { count: 1 } },
        ...{ compute_input: { count: 1 }, compute_output: { count: 1 } },
      },
    };
    expect(await statistics(`${modelPath('demo')}/stats`)).toMatchObject([once]);
    server.backend.run = () => Promise.reject(modelRefused(new Error('no')));
    expect((await infer(DEMO_REQUEST)).statusCode).toBe(422);
    const [after] = await statistics(`${modelPath('demo')}/stats`);
    expect(after).toMatchObject({ ...once, inference_stats: { ...once.inference_stats, fail: { count: 1 } } });
    expect(after?.inference_stats.fail.ns).toBeGreaterThan(0);
  });

  it('are the sums of the metrics under the names of Triton', async () => {
    await batching();
    await Promise.all([infer(DEMO_REQUEST), infer(DEMO_REQUEST), infer({ inputs: [] })]);
    const shown = (await server.metricsApp.inject({ url: PATHS.metrics })).body;
    const sum = (name: string): number =>
      [...shown.matchAll(new RegExp(`^${name}{model="demo",version="1"[^}]*} (\\d+)$`, 'gm'))]
        .map(([, value]) => Number(value))
        .reduce((total, value) => total + value, 0);
    const [model] = await statistics(`${modelPath('demo')}/stats`);
    expect([model?.inference_count, model?.execution_count]).toEqual([
      sum(TRITON_METRICS.inferences.name),
      sum(TRITON_METRICS.executions.name),
    ]);
    const { success, fail, queue, compute_input, compute_infer, compute_output } = model?.inference_stats ?? {};
    expect([success?.count, fail?.count]).toEqual([sum(TRITON_METRICS.success.name), sum(TRITON_METRICS.failure.name)]);
    expect([success?.count, fail?.count]).toEqual([2, 1]);
    const microseconds = [success, queue, compute_input, compute_infer, compute_output].map((of) =>
      Math.round((of?.ns ?? Number.NaN) / 1000),
    );
    const { requestTime, queueTime, inputTime, inferTime, outputTime } = TRITON_METRICS;
    expect(microseconds).toEqual(
      [requestTime, queueTime, inputTime, inferTime, outputTime].map(({ name }) => sum(name)),
    );
  });

  it('count what the response cache had and had not, which the model did not run for', async () => {
    const caching = await testServer({ responseCache: { bytes: 10_000, ttl: 60, models: ['demo'], shared: false } });
    await caching.load('model.onnx');
    for (let turn = 0; turn < 3; turn += 1) {
      await caching.app.inject({ method: 'POST', url: inferPath('demo'), payload: DEMO_REQUEST, headers });
    }
    const answer = await caching.app.inject({ url: `${modelPath('demo')}/stats`, headers });
    expect(answer.json()).toMatchObject({
      model_stats: [
        {
          inference_count: 1,
          inference_stats: { success: { count: 3 }, cache_hit: { count: 2 }, cache_miss: { count: 1 } },
        },
      ],
    });
    await caching.app.close();
  });

  it('make no entry for what clients invent', async () => {
    expect((await infer(DEMO_REQUEST, 'invented')).statusCode).toBe(404);
    expect(await statistics(`${PATHS.models}/stats`)).toHaveLength(1);
    const answer = await server.app.inject({ url: `${modelPath('invented')}/stats`, headers });
    expect([answer.statusCode, answer.json()]).toEqual([404, { error: 'the model or version is not served here' }]);
  });
});

describe('the configuration of a model', () => {
  const MODEL = {
    ...{ name: 'demo', versions: ['1'] },
    inputs: [{ name: 'x', datatype: 'BYTES', shape: [-1, 2] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
  } as const;

  it('says what the model takes while it is not in memory, and nothing of what is not known', () => {
    expect(configurationOf({ ...MODEL, batching: undefined })).toEqual({
      ...{ name: 'demo', platform: 'onnxruntime_onnx', backend: 'onnxruntime', max_batch_size: 0 },
      input: [{ name: 'x', data_type: 'TYPE_STRING', dims: [-1, 2] }],
      output: [{ name: 'y', data_type: 'TYPE_FP32', dims: [-1] }],
    });
  });

  it('leaves the batch out of the sizes where requests share runs', () => {
    const batching = { maxRows: 8, workers: 2, preferred: [4, 8], maxDelay: 0.0015 };
    expect(configurationOf({ ...MODEL, batching })).toMatchObject({
      max_batch_size: 8,
      input: [{ dims: [2] }],
      output: [{ dims: [] }],
      instance_group: [{ name: 'demo', kind: 'KIND_AUTO', count: 2 }],
      dynamic_batching: { preferred_batch_size: [4, 8], max_queue_delay_microseconds: 1500 },
    });
  });

  it('follows what is loaded', async () => {
    const ask = async (): Promise<object> =>
      (await server.app.inject({ url: `${modelPath('demo')}/config`, headers })).json();
    expect(await ask()).toMatchObject({
      max_batch_size: 0,
      instance_group: [{ count: 1 }],
      input: [{ dims: [-1, 2] }],
    });
    await batching();
    expect(await ask()).toMatchObject({ max_batch_size: 16, instance_group: [{ count: 3 }], input: [{ dims: [2] }] });
  });
});
