import fs from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { METRICS } from '../../../../runtime/contract';
import { ModelError, modelRefused } from '../../../../runtime/inference/errors';
import type { ModelSettings } from '../../../../runtime/inference/registry';
import type { ResponseCacheSettings } from '../../../../runtime/inference/response-cache/build-cache';
import { settingsOf } from '../../../../runtime/inference/models/model-config';
import { GrpcServer } from '../../../../runtime/inference/grpc/server';
import { buildServer } from '../../../../runtime/inference/server';
import type { InferenceServer } from '../../../../runtime/inference/server';
import type { Tensor } from '../../../../runtime/inference/tensors/tensor';
import { ApiKeySet } from '../../../../runtime/shared/api-keys';
import { AuditLog } from '../../../../runtime/shared/audit';
import { FakeBackend } from '../../support/fake-backend';
import { FakeSource } from '../../support/fake-source';
import { GrpcClient } from '../../support/grpc-client';
import { DEMO_REQUEST, FULL_KEY, KEYS } from '../../support/server';
import { keyFile, temporaryFolder } from '../../support/temporary';

/** A version that adds something to what it gives, or fails. */
class VersionBackend extends FakeBackend {
  adds = 0;
  failing = false;
  /** What its runs wait for. */
  hold: Promise<void> | undefined;

  override async run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<readonly Tensor[]> {
    const got = await super.run(inputs, outputs);
    await this.hold;
    if (this.failing) throw modelRefused(new Error('a fault'));
    return got.map((tensor) => {
      const data = Float32Array.from(new Float32Array(new Uint8Array(tensor.data).buffer), (each) => each + this.adds);
      return { ...tensor, data: new Uint8Array(data.buffer) };
    });
  }
}

/** A server of the versions 1 and 2 of `demo`. */
class Bench {
  readonly source = new FakeSource({ demo: ['1', '2'] });
  readonly backends: VersionBackend[] = [];
  readonly registry = new Registry();
  readonly lines: string[] = [];
  readonly folder = temporaryFolder();
  readonly audit = new AuditLog({
    ...{ file: path.join(this.folder, 'audit'), now: Date.now, anchor: () => undefined, failed: () => undefined },
  });
  server!: InferenceServer;

  static async start(settings: object, responseCache?: ResponseCacheSettings): Promise<Bench> {
    const bench = new Bench();
    bench.says(settings);
    const config = {
      ...{ models: [{ name: 'demo', versions: { kind: 'all' }, load: 'pinned' } as const], responseCache },
      ...{ maxRequestBytes: 1_000_000, maxConcurrency: 100, callerConcurrency: 100 },
    };
    bench.server = await buildServer(config, {
      openGrpc: async (wire) => new GrpcServer(wire),
      createBackend: () => {
        const backend = new VersionBackend();
        bench.backends.push(backend);
        return backend;
      },
      ...{ sourceOf: () => bench.source, registry: bench.registry, keys: ApiKeySet.parse(keyFile(KEYS)) },
      log: pino({ level: 'info' }, { write: (line: string) => void bench.lines.push(line) }),
      ...{ audit: bench.audit, now: Date.now },
    });
    await bench.server.start();
    return bench;
  }

  says(settings: object): ModelSettings {
    return (this.source.says = settingsOf({ ...settings }, 'config.json'));
  }

  async infer(
    headers: Record<string, string> = {},
    value = 1,
  ): Promise<{ status: number; version: string; y: number }> {
    const [input] = DEMO_REQUEST.inputs;
    const answer = await this.server.app.inject({
      ...{ method: 'POST', url: '/v2/models/demo/infer', headers: { 'x-api-key': FULL_KEY, ...headers } },
      payload: { inputs: [{ ...input, data: [value, 0] }] },
    });
    const body = answer.json<{ model_version: string; outputs?: { data: number[] }[] }>();
    return { status: answer.statusCode, version: body.model_version, y: body.outputs?.[0]?.data[0] ?? Number.NaN };
  }

  async metrics(name: string): Promise<readonly string[]> {
    const { payload } = await this.server.metricsApp.inject('/metrics');
    return payload.split('\n').filter((line) => line.startsWith(name) && !line.endsWith(' 0'));
  }

  /** What the log tells of canaries. */
  decisions(): readonly { readonly decision: string }[] {
    return this.lines.flatMap((line) => {
      const entry = JSON.parse(line) as { readonly decision?: string };
      return entry.decision === undefined ? [] : [{ ...entry, decision: entry.decision }];
    });
  }

  async close(): Promise<void> {
    await this.server.app.close();
    this.server.grpc.cut();
    await this.server.release();
    await this.server.models.close();
    await this.audit.close();
    fs.rmSync(this.folder, { recursive: true });
  }
}

let bench: Bench;

afterEach(() => bench.close());

const BETA = [{ header: 'X-Variant', value: 'beta', version: 'new' }];
const ALIASES = { production: '1', new: '2' };

describe('a server with a traffic rule', () => {
  it('answers by header, and says which version answered, over HTTP and gRPC', async () => {
    bench = await Bench.start({ aliases: ALIASES, traffic: { headers: BETA } });
    expect(await bench.infer()).toMatchObject({ status: 200, version: '1' });
    expect(await bench.infer({ 'x-variant': 'beta' })).toMatchObject({ status: 200, version: '2' });
    const client = GrpcClient.inference(await bench.server.grpc.listen('127.0.0.1', 0));
    const contents = { fp32_contents: [1, 2] };
    const request = {
      model_name: 'demo',
      inputs: [{ name: 'x', datatype: 'FP32', shape: ['1', '2'], contents }],
    };
    const key = { 'x-api-key': FULL_KEY };
    expect(await client.call('ModelInfer', request, { ...key, 'x-variant': 'beta' })).toMatchObject({
      model_version: '2',
    });
    expect(
      await client.call('ModelInfer', { ...request, model_version: '1' }, { ...key, 'x-variant': 'beta' }),
    ).toMatchObject({ model_version: '1' });
    const [, second] = bench.backends;
    if (second) second.failing = true;
    expect(await bench.infer({ 'x-variant': 'beta' })).toMatchObject({ status: 422 });
    const statistics = await client.call('ModelStatistics', { name: 'demo', version: '2' }, key);
    expect(statistics).toMatchObject({
      model_stats: [{ inference_stats: { success: { count: '2' }, fail: { count: '1' } } }],
    });
    client.close();
    expect(await bench.metrics('lnmt_inference_requests_total')).toEqual(
      expect.arrayContaining([
        'lnmt_inference_requests_total{model="demo",version="1",code="200"} 2',
        'lnmt_inference_requests_total{model="demo",version="2",code="200"} 2',
        'lnmt_inference_requests_total{model="demo",version="2",code="422"} 1',
      ]),
    );
    expect(await bench.metrics('lnmt_traffic_requests_total')).toEqual([
      'lnmt_traffic_requests_total{model="demo",version="1",reason="stable"} 1',
      'lnmt_traffic_requests_total{model="demo",version="2",reason="header"} 3',
    ]);
  });

  it('never sends a request to a version that is not ready', async () => {
    bench = await Bench.start({ aliases: ALIASES, traffic: { weights: { 1: 1, 2: 999 } } });
    const versions = async (): Promise<Set<string>> =>
      new Set((await Promise.all(Array.from({ length: 20 }, () => bench.infer()))).map(({ version }) => version));
    expect(await versions()).toContain('2');
    const [, second] = bench.backends;
    if (second) second.up = false;
    expect([...(await versions())]).toEqual(['1']);
    expect(await bench.metrics('lnmt_traffic_share_ratio')).toEqual([
      'lnmt_traffic_share_ratio{model="demo",version="1"} 0.001',
      'lnmt_traffic_share_ratio{model="demo",version="2"} 0.999',
    ]);
  });

  it('refuses to load a rule that names what is not served (LNMT8341), and goes on with the one before', async () => {
    bench = await Bench.start({ aliases: ALIASES, traffic: { weights: { 2: 1000 } } });
    bench.says({ aliases: ALIASES, traffic: { weights: { 3: 1000 } } });
    await expect(bench.server.models.load('demo')).rejects.toMatchObject({
      ...{ code: 'LNMT8214', cause: new ModelError('LNMT8341', '3') },
    });
    expect((await bench.infer()).version).toBe('2');
  });

  it('follows a new rule without loading anything again', async () => {
    bench = await Bench.start({ aliases: ALIASES });
    expect((await bench.infer()).version).toBe('1');
    bench.says({ aliases: ALIASES, traffic: { weights: { 2: 1000 } } });
    await bench.server.models.load('demo');
    expect((await bench.infer()).version).toBe('2');
    expect(bench.backends).toHaveLength(2);
  });
});

const CANARY = { version: 'new', steps: [500], requestsPerStep: 40, secondsPerStep: 0 };

/** Sends requests one after another until the canary is decided; none of them may be lost. */
async function untilDecided(most: number, status: (version: number) => number): Promise<void> {
  for (let index = 0; index < most; index += 1) {
    expect([200, status(index)]).toContain((await bench.infer()).status);
    if (bench.lines.some((line) => /"decision":"(promoted|rolled-back)"/.test(line))) return;
  }
  throw new Error('the canary is not decided');
}

describe('a canary', () => {
  it('that fails is rolled back, which metrics, log and audit log tell', async () => {
    bench = await Bench.start({ aliases: ALIASES, traffic: { canary: CANARY } });
    const [, second] = bench.backends;
    if (second) second.failing = true;
    await untilDecided(400, () => 422);
    for (let index = 0; index < 20; index += 1) expect((await bench.infer()).version).toBe('1');
    expect(await bench.metrics('lnmt_traffic_canary_phase')).toEqual([
      'lnmt_traffic_canary_phase{model="demo",version="2",phase="rolled-back"} 1',
    ]);
    expect(await bench.metrics('lnmt_traffic_canary_decisions_total')).toEqual([
      'lnmt_traffic_canary_decisions_total{model="demo",version="2",decision="started"} 1',
      'lnmt_traffic_canary_decisions_total{model="demo",version="2",decision="rolled-back"} 1',
    ]);
    expect(await bench.metrics('lnmt_inference_requests_total{model="demo",version="2",code="422"}')).toHaveLength(1);
    const told = bench.decisions();
    expect(told.at(-1)).toMatchObject({
      ...{ level: 40, model: 'demo', decision: 'rolled-back', msg: 'canary decision' },
      canary: { version: '2', stable: '1', phase: 'rolled-back', reason: 'errors', share: 0 },
    });
    await vi.waitFor(() => {
      const audit = fs.readFileSync(path.join(bench.folder, 'audit'), 'utf8');
      expect(audit).toContain('"operation":"CanaryDecision"');
      expect(audit).toContain('"outcome":"rolled-back"');
    }, 20_000);
  });

  it('that is well gets everything in the end, and keeps it when its repository is asked again', async () => {
    bench = await Bench.start({ aliases: ALIASES, traffic: { canary: { ...CANARY, latencyTolerance: 10 } } });
    await untilDecided(400, () => 200);
    bench.says({ aliases: ALIASES, traffic: { canary: { ...CANARY, latencyTolerance: 10 } } });
    await bench.server.models.load('demo');
    for (let index = 0; index < 10; index += 1) expect((await bench.infer()).version).toBe('2');
    expect(await bench.metrics('lnmt_traffic_canary_step')).toEqual([
      'lnmt_traffic_canary_step{model="demo",version="2"} 1',
    ]);
    // The alias moves: there is nothing left to try.
    bench.says({ aliases: { production: '2', new: '2' }, traffic: { canary: CANARY } });
    await bench.server.models.load('demo');
    expect((await bench.infer()).version).toBe('2');
    expect(await bench.metrics('lnmt_traffic_canary_phase')).toEqual([]);
  });
});

describe('a canary that is the newest version, where no alias says what everybody gets', () => {
  const NEWEST = { ...CANARY, version: '2', steps: [100] };

  it('is held against the newest version beside it, and does not get everything', async () => {
    bench = await Bench.start({ traffic: { canary: NEWEST } });
    const got = { '1': 0, '2': 0 };
    for (let index = 0; index < 60; index += 1) got[(await bench.infer()).version as '1' | '2'] += 1;
    expect(got['1']).toBeGreaterThan(30);
    const started = bench.decisions()[0];
    expect(started).toMatchObject({ decision: 'started', canary: { version: '2', stable: '1', share: 100 } });
    expect(bench.lines.join('\n')).toContain('the newest beside the canary is it');
  });

  it.each([{}, { stable: '1' }])(
    'stands in for nobody once it was rolled back, also while the stable version is not ready: %j',
    async (more) => {
      bench = await Bench.start({ traffic: { canary: { ...NEWEST, ...more } } });
      const [first] = bench.backends;
      if (first) first.up = false;
      // On trial it takes over, as any version does.
      expect(await bench.infer()).toMatchObject({ status: 200, version: '2' });
      const url = '/v2/repository/models/demo/traffic';
      const headers = { 'x-api-key': FULL_KEY };
      const body = { canary: 'rollback' };
      expect((await bench.server.app.inject({ method: 'POST', url, headers, payload: body })).statusCode).toBe(200);
      const before = bench.backends[1]?.runs;
      for (let index = 0; index < 3; index += 1) expect((await bench.infer()).version).not.toBe('2');
      expect(bench.backends[1]?.runs).toBe(before);
    },
  );
});

describe('someone who may manage models', () => {
  const ask = async (body?: unknown, name = 'demo'): Promise<{ status: number; body: Record<string, unknown> }> => {
    const url = `/v2/repository/models/${name}/traffic`;
    const headers = { 'x-api-key': FULL_KEY };
    const options = body === undefined ? { url, headers } : { url, headers, method: 'POST' as const, payload: body };
    const answer = await bench.server.app.inject(options as { url: string });
    return { status: answer.statusCode, body: answer.json() };
  };

  it('sees how a canary stands, and decides on it', async () => {
    bench = await Bench.start({ aliases: ALIASES, traffic: { canary: CANARY } });
    expect(await ask()).toMatchObject({
      status: 200,
      body: {
        model: 'demo',
        rule: { headers: [], canary: { version: 'new', steps: [500] } },
        canary: { version: '2', stable: '1', phase: 'running', step: 1, steps: 1, share: 500, reason: null },
      },
    });
    for (const [verdict, phase, version] of [
      ['promote', 'promoted', '2'],
      ['rollback', 'rolled-back', '1'],
    ]) {
      const { status, body } = await ask({ canary: verdict });
      expect([status, body['canary']]).toMatchObject([200, { phase, reason: 'operator' }]);
      expect((await bench.infer()).version).toBe(version);
    }
    expect((await ask({ canary: 'restart' })).body['canary']).toMatchObject({
      phase: 'running',
      step: 1,
      reason: null,
    });
    const decided = bench.decisions().map(({ decision }) => decision);
    expect(decided).toEqual(['started', 'promoted', 'rolled-back', 'started']);
  });

  it('refuses decisions that are none, of models without a canary, and of models that are not there', async () => {
    bench = await Bench.start({ aliases: ALIASES });
    expect(await ask()).toEqual({ status: 200, body: { model: 'demo', rule: null, canary: null } });
    expect(await ask({ canary: 'promote' })).toMatchObject({ status: 409 });
    expect(await ask({ canary: 'demote' })).toMatchObject({ status: 400 });
    expect(await ask([])).toMatchObject({ status: 400 });
    expect(await ask(undefined, 'other')).toMatchObject({ status: 404 });
    expect(await ask({ canary: 'promote' }, 'other')).toMatchObject({ status: 404 });
  });
});

const SHADOW = { version: 'new', share: 1000, concurrency: 2 };

describe('a shadow', () => {
  it('gets copies of requests, whose answers are compared and go to nobody', async () => {
    bench = await Bench.start({ aliases: ALIASES, traffic: { shadow: SHADOW } });
    const [, second] = bench.backends;
    const told = async (outcome: string): Promise<void> =>
      vi.waitFor(
        async () =>
          expect(await bench.metrics('lnmt_shadow_requests_total')).toContain(
            `lnmt_shadow_requests_total{model="demo",version="2",outcome="${outcome}"} 1`,
          ),
        20_000,
      );
    expect(await bench.infer()).toEqual({ status: 200, version: '1', y: 1 });
    await told('same');
    if (second) second.adds = 1;
    expect(await bench.infer()).toEqual({ status: 200, version: '1', y: 1 });
    await told('different');
    if (second) second.failing = true;
    expect(await bench.infer()).toEqual({ status: 200, version: '1', y: 1 });
    await told('failed');
    expect(await bench.metrics('lnmt_shadow_duration_seconds_count')).toEqual([
      'lnmt_shadow_duration_seconds_count{model="demo",version="2"} 2',
    ]);
    expect(await bench.metrics('lnmt_shadow_deviation_ratio_count')).toHaveLength(1);
    expect(await bench.infer({ 'x-variant': 'none' })).toMatchObject({ version: '1' });
  });

  it('that hangs holds nobody up, and holds few copies', async () => {
    bench = await Bench.start({ aliases: ALIASES, traffic: { shadow: SHADOW } });
    const [, second] = bench.backends;
    let release: () => void = () => undefined;
    if (second) second.hold = new Promise((resolve) => (release = resolve));
    for (let index = 0; index < 10; index += 1) expect((await bench.infer()).status).toBe(200);
    expect(await bench.metrics('lnmt_shadow_requests_total')).toEqual([
      'lnmt_shadow_requests_total{model="demo",version="2",outcome="dropped"} 8',
    ]);
    release();
  });

  it('gets nothing while it is not ready', async () => {
    bench = await Bench.start({ aliases: ALIASES, traffic: { shadow: SHADOW } });
    const [, second] = bench.backends;
    if (second) second.up = false;
    expect((await bench.infer()).status).toBe(200);
    expect(await bench.metrics('lnmt_shadow_requests_total')).toEqual([]);
  });
});

const CACHE: ResponseCacheSettings = { bytes: 1_000_000, ttl: 60, models: [], shared: false };

describe('a server with a response cache', () => {
  it('keeps answers of models that say so, of each version and caller apart', async () => {
    bench = await Bench.start({ aliases: ALIASES, cache: true, traffic: { headers: BETA } }, CACHE);
    const runs = (): readonly number[] => bench.backends.map((each) => each.runs);
    const before = runs();
    const since = (): readonly number[] => runs().map((each, index) => each - (before[index] ?? 0));
    await bench.infer();
    expect(await bench.infer()).toEqual({ status: 200, version: '1', y: 1 });
    expect(since()).toEqual([1, 0]);
    expect(await bench.infer({ 'x-variant': 'beta' })).toMatchObject({ version: '2' });
    expect(since()).toEqual([1, 1]);
    await bench.infer({ 'x-api-key': 'infer-key' });
    await bench.infer({ 'cache-control': 'no-store' });
    expect(await bench.infer({}, 2)).toEqual({ status: 200, version: '1', y: 2 });
    expect(since()).toEqual([4, 1]);
    const counted = (outcome: string, version: string, count: number): string =>
      `lnmt_response_cache_requests_total{model="demo",version="${version}",outcome="${outcome}"} ${count}`;
    expect(new Set(await bench.metrics('lnmt_response_cache_requests_total'))).toEqual(
      new Set([counted('miss', '1', 3), counted('hit', '1', 1), counted('miss', '2', 1), counted('bypassed', '1', 1)]),
    );
    expect(await bench.metrics(METRICS.responseCacheEntries.name)).toEqual(['lnmt_response_cache_entries 4']);
  });

  it('forgets what another content of the same version has answered', async () => {
    bench = await Bench.start({ aliases: ALIASES, cache: true }, CACHE);
    await bench.infer();
    bench.source.revision += 1;
    await bench.server.models.load('demo');
    const fresh = bench.backends.slice(2);
    for (const each of fresh) each.adds = 5;
    expect((await bench.infer()).y).toBe(6);
  });

  it('is passed by where a gRPC request says so', async () => {
    bench = await Bench.start({ aliases: ALIASES, cache: true }, CACHE);
    const client = GrpcClient.inference(await bench.server.grpc.listen('127.0.0.1', 0));
    const request = {
      model_name: 'demo',
      inputs: [{ name: 'x', datatype: 'FP32', shape: ['1', '2'], contents: { fp32_contents: [1, 2] } }],
    };
    const ask = async (cache?: boolean, headers: Record<string, string> = {}): Promise<void> => {
      const parameters = cache === undefined ? {} : { parameters: { cache: { bool_param: cache } } };
      const key = { 'x-api-key': FULL_KEY };
      await client.call('ModelInfer', { ...request, ...parameters }, { ...key, ...headers });
    };
    for (const cache of [undefined, true, false]) await ask(cache);
    await ask(undefined, { 'cache-control': 'no-store' });
    client.close();
    const counted = (outcome: string, count: number): string =>
      `lnmt_response_cache_requests_total{model="demo",version="1",outcome="${outcome}"} ${count}`;
    expect(new Set(await bench.metrics('lnmt_response_cache_requests_total'))).toEqual(
      new Set([counted('miss', 1), counted('hit', 1), counted('bypassed', 2)]),
    );
  });

  it('keeps nothing of models that do not say so', async () => {
    bench = await Bench.start({ aliases: ALIASES }, CACHE);
    const before = bench.backends[0]?.runs ?? 0;
    await bench.infer();
    await bench.infer();
    expect((bench.backends[0]?.runs ?? 0) - before).toBe(2);
  });
});
