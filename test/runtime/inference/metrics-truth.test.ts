import type { AddressInfo } from 'node:net';
import { status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HEADERS, inferPath, METRICS, PATHS, TRITON_METRICS, VLLM_METRICS } from '../../../runtime/contract';
import { modelRefused, modelProcessLost, runTimedOut } from '../../../runtime/inference/errors';
import { ERROR_CODE_HEADER } from '../../../runtime/shared/error-plugin';
import { GrpcClient } from '../support/grpc-client';
import { DEMO_REQUEST, FULL_KEY, testServer } from '../support/server';
import type { TestServer } from '../support/server';

const LIMIT = 40;
/** Values that make the model fail, by how. */
const FAILURES = { refused: 13, hung: 14, broken: 15 } as const;

type Kind = 'ok' | 'bad' | 'unknown' | 'nobody' | 'forbidden' | 'late' | 'leave' | keyof typeof FAILURES;
type Fate = 'success' | 'failed' | 'cancelled' | 'rejected';

const KINDS: readonly Kind[] = [
  ...([
    'ok',
    'ok',
    'ok',
    'bad',
    'unknown',
    'nobody',
    'forbidden',
    'late',
    'leave',
    'refused',
    'hung',
    'broken',
  ] as const),
];

let server: TestServer;
let client: GrpcClient;
let url: string;
let open: () => void;
/** What the driver saw. */
let log: { kind: Kind; fate: Fate }[];

beforeEach(async () => {
  server = await testServer({ maxConcurrency: LIMIT });
  await server.load('model.onnx');
  const run = server.backend.run.bind(server.backend);
  server.backend.run = async (inputs, outputs) => {
    const answer = await run(inputs, outputs);
    const { data } = inputs[0] ?? { data: new Uint8Array(8) };
    const value = new DataView(data.buffer, data.byteOffset).getFloat32(0, true);
    if (value === FAILURES.refused) throw modelRefused(new Error('no'));
    if (value === FAILURES.hung) throw runTimedOut(1);
    if (value === FAILURES.broken) throw modelProcessLost();
    return answer;
  };
  server.backend.gate = new Promise((resolve) => (open = resolve));
  await server.app.listen({ host: '127.0.0.1', port: 0 });
  url = `http://127.0.0.1:${(server.app.server.address() as AddressInfo).port}`;
  client = GrpcClient.inference(await server.grpc.listen('127.0.0.1', 0));
  log = [];
});

afterEach(async () => {
  client.close();
  server.grpc.cut();
  await server.app.close();
});

const keyOf = (kind: Kind): string => (kind === 'nobody' ? 'wrong' : kind === 'forbidden' ? 'read-key' : FULL_KEY);
const modelOf = (kind: Kind): string => (kind === 'unknown' ? 'invented' : 'demo');
const dataOf = (kind: Kind): number[] => [kind in FAILURES ? FAILURES[kind as keyof typeof FAILURES] : 1, 2.5];
const shapeOf = (kind: Kind): number[] => (kind === 'bad' ? [2, 1] : [1, 2]);

/** What a client makes of an answer. */
function fateOf(code: number, error: string | null): Fate {
  if (code === 200) return 'success';
  return (code === 429 || code === 503 || error === 'LNMT8220') && error !== 'LNMT8206' ? 'rejected' : 'failed';
}

async function overHttp(kind: Kind, signal: AbortSignal): Promise<Fate> {
  const headers = {
    'x-api-key': keyOf(kind),
    'content-type': 'application/json',
    ...(kind === 'late' ? { [HEADERS.requestTimeout]: '20' } : {}),
  };
  const input = { ...DEMO_REQUEST.inputs[0], shape: shapeOf(kind), data: dataOf(kind) };
  const body = JSON.stringify({ inputs: [input] });
  try {
    const answer = await fetch(url + inferPath(modelOf(kind)), { method: 'POST', headers, body, signal });
    await answer.arrayBuffer();
    return fateOf(answer.status, answer.headers.get(ERROR_CODE_HEADER));
  } catch {
    return 'cancelled';
  }
}

async function overGrpc(kind: Kind, signal: AbortSignal): Promise<Fate> {
  const input = { name: 'x', datatype: 'FP32', shape: shapeOf(kind), contents: { fp32_contents: dataOf(kind) } };
  const parameters = kind === 'late' ? { timeout: { int64_param: 20_000 } } : {};
  const request = { model_name: modelOf(kind), inputs: [input], parameters };
  const headers = { 'x-api-key': keyOf(kind) };
  try {
    await client.call('ModelInfer', request, headers, {}, signal);
    return 'success';
  } catch (thrown) {
    const { code, metadata } = thrown as ServiceError;
    const error = metadata?.get(ERROR_CODE_HEADER)[0]?.toString() ?? null;
    if (code === status.CANCELLED) return 'cancelled';
    const busy = code === status.RESOURCE_EXHAUSTED || code === status.UNAVAILABLE || error === 'LNMT8220';
    return busy && error !== 'LNMT8206' ? 'rejected' : 'failed';
  }
}

/** Sends requests at once, lets some leave while the model is held, and waits for everything. */
async function drive(rest: readonly (readonly [Kind, 'http' | 'grpc'])[]): Promise<void> {
  const leaving = new AbortController();
  const gone = (): Promise<number> => sum(METRICS.inferenceRequests.name, ({ code }) => code === '499');
  const [before, seen] = [await gone(), log.length];
  const never = new AbortController().signal;
  const one = async ([kind, transport]: readonly [Kind, 'http' | 'grpc']): Promise<void> => {
    const send = transport === 'http' ? overHttp : overGrpc;
    log.push({ kind, fate: await send(kind, kind === 'leave' ? leaving.signal : never) });
  };
  // The first one runs and is held there, so that all others wait behind it.
  const runs = server.backend.runs;
  const all = [one(['ok', 'http'])];
  await expect.poll(() => server.backend.runs).toBe(runs + 1);
  all.push(...rest.map(one));
  const plan = [['ok', 'http'] as const, ...rest];
  const held = Math.min(LIMIT, plan.filter(([kind]) => kind === 'ok' || kind === 'leave' || kind in FAILURES).length);
  // Nobody leaves before everybody has come: what never reached the server, it cannot count.
  await expect.poll(() => log.length - seen).toBe(plan.length - held);
  await expect.poll(() => server.admission.inFlight).toBe(held);
  leaving.abort();
  const left = plan.filter(([kind]) => kind === 'leave').length;
  await expect.poll(async () => (await gone()) - before).toBe(left);
  open();
  await Promise.all(all);
}

const fates = (fate: Fate): number => log.filter((each) => each.fate === fate).length;

async function sum(name: string, match: (labels: Record<string, unknown>) => boolean): Promise<number> {
  await server.metricsApp.inject({ url: PATHS.metrics });
  const values = (await server.registry.getSingleMetric(name)?.get())?.values ?? [];
  return values.filter(({ labels }) => match(labels)).reduce((total, { value }) => total + value, 0);
}

const reason =
  (...wanted: string[]) =>
  (labels: Record<string, unknown>): boolean =>
    wanted.includes(String(labels['reason']));

/** Waits for the counters: an answer reaches its client a moment before its server knows that it is out. */
async function expectTruth(total: number): Promise<void> {
  await expect.poll(() => sum(METRICS.inferenceRequests.name, () => true)).toBe(total);
  const byStatus = (...codes: string[]): Promise<number> =>
    sum(METRICS.inferenceRequests.name, ({ code }) => codes.includes(String(code)));
  const { success, failure } = TRITON_METRICS;
  expect(await byStatus('200')).toBe(fates('success'));
  expect(await byStatus('499')).toBe(fates('cancelled'));
  expect(await sum(success.name, () => true)).toBe(fates('success'));
  expect(await sum(failure.name, reason('CANCELED'))).toBe(fates('cancelled'));
  expect(await sum(failure.name, reason('REJECTED'))).toBe(fates('rejected'));
  expect(await sum(failure.name, reason('BACKEND', 'OTHER'))).toBe(fates('failed'));
  const failed = log.filter(({ kind, fate }) => fate === 'failed' && kind in FAILURES).length;
  expect(await sum(failure.name, reason('BACKEND'))).toBe(failed);
}

describe('the counters', () => {
  it('equal the log of a driver over HTTP and gRPC, request by request (seeds 1 to 3)', async () => {
    for (const seed of [1, 2, 3]) {
      server.backend.gate = new Promise((resolve) => (open = resolve));
      const plan = fc.sample(fc.tuple(fc.constantFrom(...KINDS), fc.constantFrom('http' as const, 'grpc' as const)), {
        seed,
        numRuns: 39,
      });
      await drive(plan);
      await expectTruth(40 * seed);
    }
    for (const fate of ['success', 'failed', 'cancelled', 'rejected'] as const) expect(fates(fate)).toBeGreaterThan(0);
  });

  it('count what is refused at the limit, over both', async () => {
    const more = 12;
    const plan = Array.from({ length: LIMIT + more - 1 }, (_, index) => ['ok', index % 2 ? 'http' : 'grpc'] as const);
    await drive(plan);
    expect(fates('rejected')).toBe(more);
    await expectTruth(LIMIT + more);
  });

  it('count a message of gRPC that is too large, and one that nobody may send', async () => {
    const data = Buffer.alloc(65 * 1024 * 1024);
    const input = { name: 'x', datatype: 'FP32', shape: [1, 2] };
    const large = { model_name: 'demo', inputs: [input], raw_input_contents: [data] };
    await client.refused('ModelInfer', large, { 'x-api-key': FULL_KEY });
    await client.refused('ModelInfer', { model_name: 'demo' }, {});
    const byCode = (code: string) => sum(METRICS.inferenceRequests.name, (labels) => labels['code'] === code);
    await expect.poll(() => byCode('413')).toBe(1);
    expect(await byCode('401')).toBe(1);
  });
});

describe('the names of Triton', () => {
  it('give each batch, its requests and its rows, and times that grow with them', async () => {
    server.backend.takes = { workers: 1, maxRows: 8 };
    await drive(Array.from({ length: 2 }, () => ['ok', 'http'] as const));
    const at = async (metric: { readonly name: string }): Promise<number> =>
      sum(metric.name, ({ model, version }) => model === 'demo' && version === '1');
    await expect.poll(() => at(TRITON_METRICS.success)).toBe(3);
    expect(await at(TRITON_METRICS.inferences)).toBe(3);
    expect(await at(TRITON_METRICS.executions)).toBeLessThanOrEqual(3);
    expect(await at(TRITON_METRICS.executions)).toBe(
      await sum(`${METRICS.batchSize.name}`, () => false).then(() => server.backend.runs),
    );
    expect(await at(TRITON_METRICS.requestTime)).toBeGreaterThan(await at(TRITON_METRICS.queueTime));
    expect(await at(TRITON_METRICS.inferTime)).toBeGreaterThan(0);
    expect(await at(TRITON_METRICS.pending)).toBe(0);
    const text = (await server.metricsApp.inject({ url: PATHS.metrics })).body;
    for (const reasonName of ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER']) {
      expect(text).toContain(`${TRITON_METRICS.failure.name}{model="demo",version="1",reason="${reasonName}"} 0`);
    }
    expect(text).toContain(`# TYPE ${TRITON_METRICS.requestTime.name} counter`);
    expect(text).toMatch(new RegExp(`^${TRITON_METRICS.cpuMemoryTotal.name} \\d+$`, 'm'));
  });

  it('exist before the first request, as dashboards divide by them', async () => {
    expect(await sum(TRITON_METRICS.success.name, ({ model }) => model === 'demo')).toBe(0);
    const text = (await server.metricsApp.inject({ url: PATHS.metrics })).body;
    expect(text).toContain(`${TRITON_METRICS.success.name}{model="demo",version="1"} 0`);
  });
});

describe('saturation', () => {
  it('is the share of the admission that is taken, and the pending requests are counted', async () => {
    const running = drive(Array.from({ length: LIMIT / 2 - 1 }, () => ['ok', 'grpc'] as const));
    const shown = async (name: string): Promise<number> => sum(name, () => true);
    const before = shown(METRICS.saturation.name);
    expect(await before).toBeLessThanOrEqual(0.5);
    await running;
    await expect.poll(() => shown(METRICS.pending.name)).toBe(0);
    expect(await shown(METRICS.saturation.name)).toBe(0);
  });

  it('does not count the queue of a version that is gone', async () => {
    server.metrics.queueDepth.set({ model: 'demo', version: 'gone' }, 900);
    expect(await sum(METRICS.saturation.name, () => true)).toBe(0);
    expect(await sum(METRICS.queueDepth.name, ({ version }) => version === 'gone')).toBe(0);
  });
});

describe('the times of requests', () => {
  it('leave out callers that are refused, over HTTP and gRPC: without a key, a permission or a place in their limit', async () => {
    const limited = await testServer({ limits: { requestsPerDay: 1 } });
    await limited.load('model.onnx');
    const remote = GrpcClient.inference(await limited.grpc.listen('127.0.0.1', 0));
    const input = { name: 'x', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [1, 2] } };
    const message = { model_name: 'demo', inputs: [input] };
    const post = async (key: string): Promise<number> => {
      const headers = { 'x-api-key': key };
      const call = { method: 'POST', url: inferPath('demo'), headers, payload: DEMO_REQUEST } as const;
      return (await limited.app.inject(call)).statusCode;
    };
    expect([await post(FULL_KEY), await post(FULL_KEY)]).toEqual([200, 429]);
    expect([await post('wrong'), await post('read-key')]).toEqual([401, 403]);
    for (const key of ['wrong', 'manage-key', FULL_KEY])
      await remote.refused('ModelInfer', message, { 'x-api-key': key });
    remote.close();
    limited.grpc.cut();
    await limited.app.close();
    const { inferenceDuration, inferenceRequests } = limited.metrics;
    const { values } = await inferenceDuration.get();
    const times = values.filter(({ metricName }) => metricName?.endsWith('_count'));
    expect(times.reduce((total, { value }) => total + value, 0)).toBe(1);
    const counted: Record<string, number> = {};
    for (const { labels, value } of (await inferenceRequests.get()).values) {
      const code = String(labels.code);
      counted[code] = (counted[code] ?? 0) + value;
    }
    expect(counted).toEqual({ 200: 1, 401: 2, 403: 2, 429: 2 });
  });
});

describe('the gauges of a model', () => {
  it.each(['modelReady', 'queueDepth', 'hostMemory', 'modelOffline', 'modelLoadDuration'] as const)(
    'show no version that is gone: %s, which alerts would go by',
    async (gauge) => {
      const shown = async (): Promise<unknown[]> => {
        await server.refresh();
        return (await server.metrics[gauge].get()).values.map(({ labels: { version } }) => version);
      };
      expect(await shown()).toEqual(['1']);
      server.source.models['demo'] = ['2'];
      await server.models.load('demo');
      expect(await shown()).toEqual(['2']);
    },
  );
});

describe('the readiness of a model', () => {
  it('is shown while nobody knows its versions, and not once it was unloaded on request', async () => {
    const lone = await testServer({ load: 'eager' });
    const shown = async (): Promise<unknown[]> => {
      await lone.refresh();
      return (await lone.metrics.modelReady.get()).values.map(({ labels: { version }, value }) => [version, value]);
    };
    expect(await shown()).toEqual([['other', 0]]);
    await lone.load('model.onnx');
    expect(await shown()).toEqual([['1', 1]]);
    await lone.models.unload('demo');
    expect(await shown()).toEqual([]);
    await lone.app.close();
  });
});

describe('metrics that two ask for at once', () => {
  it('count each token once under the names of vLLM too', async () => {
    server.metrics.generatedTokens.inc({ model: 'demo', version: '1' }, 7);
    const refresh = (): Promise<void> | undefined => server.metrics.aliases?.refresh(server.metrics, []);
    await Promise.all([refresh(), refresh()]);
    const shown = await server.registry.getSingleMetric(VLLM_METRICS.generatedTokens.name)?.get();
    expect(shown?.values.map(({ value }) => value)).toEqual([7]);
  });
});
