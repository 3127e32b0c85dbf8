import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { inferPath, PATHS } from '../../../runtime/contract';
import { modelRefused } from '../../../runtime/inference/errors';
import { GrpcClient } from '../support/grpc-client';
import { testServer } from '../support/server';
import type { TestServer } from '../support/server';

/** Values that stand nowhere else. */
const CANARY = { number: 271_828.125, text: 'canary-tensor-text', key: 'canary-api-key' } as const;
const TRACES = [String(CANARY.number), CANARY.text, CANARY.key, Buffer.from(CANARY.key).toString('base64')];

let log: string[];
let server: TestServer;
let client: GrpcClient;
let url: string;

beforeAll(async () => {
  log = [];
  server = await testServer({ log });
  await server.load('model.onnx');
  await server.app.listen({ host: '127.0.0.1', port: 0 });
  url = `http://127.0.0.1:${(server.app.server.address() as AddressInfo).port}`;
  client = GrpcClient.inference(await server.grpc.listen('127.0.0.1', 0));
});

afterAll(async () => {
  client.close();
  server.grpc.cut();
  await server.app.close();
});

const tensor = (more: object = {}): object => ({
  ...{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [CANARY.number, 1] },
  ...more,
});

async function post(body: unknown, headers: Record<string, string> = {}, path = inferPath('demo')): Promise<number> {
  const answer = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': 'full-key', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  await answer.arrayBuffer();
  return answer.status;
}

it('no value of a tensor and no key stands in the log, whatever becomes of the request', async () => {
  const seen = new Set<number>();
  const ask = async (...what: Parameters<typeof post>): Promise<void> => void seen.add(await post(...what));
  await ask({ inputs: [tensor()] });
  await ask({ inputs: [tensor({ datatype: 'BYTES', data: [CANARY.text, CANARY.text] })] });
  await ask({ inputs: [tensor({ data: [CANARY.number, CANARY.text] })] });
  await ask({ inputs: [tensor({ shape: [2, 2] })] });
  await ask(`{"inputs": [${CANARY.number} "${CANARY.text}"`);
  await ask({ inputs: [tensor()] }, { 'x-api-key': CANARY.key });
  await ask({ inputs: [tensor()] }, { authorization: `Bearer ${CANARY.key}` });
  await ask({ inputs: [tensor()] }, { 'x-request-timeout-ms': CANARY.text });
  await ask({ inputs: [tensor()] }, {}, `${inferPath('demo')}?key=${CANARY.key}&text=${CANARY.text}`);
  server.backend.run = async () => {
    throw modelRefused(new Error('the graph failed'));
  };
  await ask({ inputs: [tensor()] });
  server.backend.run = async () => {
    throw new Error('the host failed');
  };
  await ask({ inputs: [tensor()] });
  expect([...seen].sort()).toEqual(expect.arrayContaining([200, 400, 401, 422, 500]));
  const inputs = [{ name: 'x', datatype: 'FP32', shape: ['1', '2'], contents: { fp32_contents: [CANARY.number, 1] } }];
  await client.refused('ModelInfer', { model_name: 'demo', inputs }, { 'x-api-key': CANARY.key });
  await client.refused('ModelInfer', { model_name: 'demo', inputs }, { 'x-api-key': 'full-key' });
  await delay(50);
  // What is searched must be there: lines of requests, of errors and of both transports.
  expect(log.filter((line) => line.includes('"inference"')).length).toBeGreaterThan(5);
  expect(log.filter((line) => line.includes('the host failed')).length).toBeGreaterThanOrEqual(2);
  expect(log.filter((line) => TRACES.some((trace) => line.includes(trace)))).toEqual([]);
});

it('no value and no key stands in the metrics', async () => {
  const text = (await server.metricsApp.inject({ url: PATHS.metrics })).body;
  expect(text.length).toBeGreaterThan(1_000);
  expect(TRACES.filter((trace) => text.includes(trace))).toEqual([]);
});
