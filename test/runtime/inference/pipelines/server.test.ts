import fs from 'node:fs';
import path from 'node:path';
import { trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { afterEach, describe, expect, it } from 'vitest';
import { inferPath, INFERENCE_ENV, METRICS, modelPath, PATHS } from '../../../../runtime/contract';
import { readConfig } from '../../../../runtime/inference/config';
import type { PipelineSpec } from '../../../../runtime/inference/pipelines';
import { parsePipelines } from '../../../../runtime/inference/pipelines/read-file';
import type { ModelStatistics } from '../../../../runtime/inference/serving/statistics';
import { estimateBytes } from '../../../../runtime/inference/registry/memory-budget';
import { CedarPolicy } from '../../../../runtime/shared/cedar-policy';
import { GrpcClient } from '../../support/grpc-client';
import { identityModel } from '../../support/models';
import { onnxServer, operationModel, timesModel } from '../../support/onnx-server';
import type { OnnxServer, OnnxServerOptions } from '../../support/onnx-server';
import { FULL_KEY } from '../../support/server';
import { temporaryFolder } from '../../support/temporary';

const README = fs.readFileSync(path.resolve(__dirname, '../../../../runtime/inference/pipelines/README.md'), 'utf8');
const EXAMPLE = /```json\n([\s\S]*?)```/.exec(README)?.[1] ?? '';
const NAME = 'digits-best';

const GRAPHS = {
  scale: timesModel(10),
  small: timesModel(1, 'scaled', 'scores'),
  large: timesModel(4, 'scaled', 'scores'),
  next: timesModel(7, 'scaled', 'scores'),
};

const headers = { 'x-api-key': FULL_KEY, 'content-type': 'application/json' };
const payload = (more: object = {}): object => ({
  inputs: [{ name: 'pixels', datatype: 'FP32', shape: [2], data: [1, 2] }],
  ...more,
});

interface Body {
  readonly model_name: string;
  readonly model_version: string;
  readonly outputs: readonly { readonly name: string; readonly data: number[] }[];
  readonly error?: string;
}

describe('a server with pipelines', () => {
  let server: OnnxServer;

  afterEach(() => server.close());

  const pipelines = (): readonly PipelineSpec[] => parsePipelines(EXAMPLE).pipelines;

  async function serve(more: Partial<OnnxServerOptions> = {}): Promise<void> {
    server = await onnxServer({ graphs: GRAPHS, pipelines: pipelines(), ...more });
    await server.start();
    await expect.poll(() => server.health.ready).toBe(true);
  }

  async function infer(more: Record<string, string> = {}, name = NAME): Promise<{ status: number; body: Body }> {
    const answer = await server.app.inject({
      ...{ method: 'POST', url: inferPath(name), headers: { ...headers, ...more }, payload: payload() },
    });
    return { status: answer.statusCode, body: answer.json<Body>() };
  }

  const index = async (): Promise<{ name: string; state: string; reason: string }[]> =>
    (await server.app.inject({ method: 'POST', url: `${PATHS.repository}/index`, headers, payload: {} })).json();

  it('takes the example of the README', async () => {
    await serve();
    expect(parsePipelines(EXAMPLE).problems).toEqual([]);
    expect((await infer({ 'x-tier': 'gold' })).body).toEqual({
      ...{ model_name: NAME, model_version: '1' },
      outputs: [{ name: 'scores', datatype: 'FP32', shape: [2], data: [30, 60] }],
    });
    const seen = new Set<number>();
    for (let user = 0; user < 40; user++) {
      const asked = [await infer({ 'x-user': `u${user}` }), await infer({ 'x-user': `u${user}` })];
      const [first, second] = asked.map(({ body }) => body.outputs[0]?.data[0]);
      expect(second).toBe(first);
      seen.add(first ?? 0);
    }
    expect([...seen].sort()).toEqual([40, 70]);
  });

  it('reads it from the file that the environment names', async () => {
    await serve();
    const dir = temporaryFolder();
    const file = path.join(dir, 'pipelines.json');
    fs.writeFileSync(file, EXAMPLE);
    const env = { LNMT_MODEL_REPOSITORY: `file://${dir}`, [INFERENCE_ENV.pipelinesFile.name]: file };
    expect(readConfig(env).pipelines).toEqual(pipelines());
    expect(readConfig({ LNMT_MODEL_REPOSITORY: `file://${dir}` }).pipelines).toEqual([]);
    fs.rmSync(dir, { recursive: true });
  });

  it('shows them among its models: metadata, readiness, index, statistics with those of their steps', async () => {
    await serve();
    const get = async (url: string) => (await server.app.inject({ url, headers })).json<object>();
    expect(await get(modelPath(NAME))).toEqual({
      ...{ name: NAME, versions: ['1'], platform: 'ensemble' },
      inputs: [{ name: 'pixels', datatype: 'FP32', shape: [-1] }],
      outputs: [{ name: 'scores', datatype: 'FP32', shape: [-1] }],
    });
    expect(await get(`${modelPath(NAME)}/ready`)).toEqual({ name: NAME, ready: true });
    expect(await index()).toContainEqual({ name: NAME, version: '1', state: 'READY', reason: '' });
    expect((await server.app.inject({ url: modelPath(NAME, '2'), headers })).statusCode).toBe(404);
    expect(await get(`${modelPath(NAME)}/config`)).toMatchObject({ name: NAME, platform: 'ensemble', backend: '' });
    await infer({ 'x-tier': 'gold' });
    const once = { name: NAME, version: '1', inference_stats: { success: { count: 1 }, fail: { count: 0 } } };
    expect(await get(`${modelPath(NAME)}/stats`)).toMatchObject({ model_stats: [once] });
    const all = await get(`${PATHS.models}/stats`);
    const counted = (Reflect.get(all, 'model_stats') as ModelStatistics[]).map(
      ({ name, inference_count: rows, inference_stats: { success } }) => [name, success.count, rows],
    );
    expect(counted.sort()).toEqual([
      [NAME, 1, 0],
      ['large', 1, 1],
      ['next', 0, 0],
      ['scale', 1, 1],
      ['small', 1, 1],
    ]);
  });

  it('answers over gRPC as over REST', async () => {
    await serve();
    const client = GrpcClient.inference(await server.grpc.listen('127.0.0.1', 0));
    const input = { name: 'pixels', datatype: 'FP32', shape: [2], contents: { fp32_contents: [1, 2] } };
    const answer = await client.call(
      'ModelInfer',
      { model_name: NAME, inputs: [input] },
      { 'x-api-key': FULL_KEY, 'x-tier': 'gold' },
    );
    expect(answer).toMatchObject({
      model_name: NAME,
      outputs: [{ name: 'scores', contents: { fp32_contents: [30, 60] } }],
    });
    expect(await client.call('ModelMetadata', { name: NAME }, { 'x-api-key': FULL_KEY })).toMatchObject({
      platform: 'ensemble',
    });
    client.close();
  });

  it('takes parameters of requests from both', async () => {
    const [example] = pipelines();
    const nodes = {
      main: {
        ...{ kind: 'switch', default: { model: 'small', inputs: { scaled: 'pixels' } } },
        branches: [{ when: { parameter: 'level', above: 2 }, model: 'large', inputs: { scaled: 'pixels' } }],
      },
    };
    const document = { pipelines: [{ name: NAME, inputs: ['pixels'], outputs: ['scores'], root: 'main', nodes }] };
    await serve({ pipelines: parsePipelines(JSON.stringify(document)).pipelines });
    expect(example?.name).toBe(NAME);
    const rest = await server.app.inject({
      ...{ method: 'POST', url: inferPath(NAME), headers, payload: payload({ parameters: { level: 3 } }) },
    });
    expect(rest.json<Body>().outputs[0]?.data).toEqual([4, 8]);
    const client = GrpcClient.inference(await server.grpc.listen('127.0.0.1', 0));
    const input = { name: 'pixels', datatype: 'FP32', shape: [2], contents: { fp32_contents: [1, 2] } };
    const ask = (parameters: object): Promise<object> =>
      client.call('ModelInfer', { model_name: NAME, inputs: [input], parameters }, { 'x-api-key': FULL_KEY });
    expect(await ask({ level: { int64_param: 3 } })).toMatchObject({
      outputs: [{ contents: { fp32_contents: [4, 8] } }],
    });
    expect(await ask({ level: { string_param: '2' } })).toMatchObject({
      outputs: [{ contents: { fp32_contents: [1, 2] } }],
    });
    client.close();
  });

  it('loads lazy models at their step, within the memory that all models share', async () => {
    await serve({ modelMemoryBytes: 2 * estimateBytes(64) });
    const loaded = (): string[] =>
      server.models.versions().flatMap((each) => (each.loaded === undefined ? [] : [each.identity.name]));
    expect(loaded()).toEqual([]);
    expect((await infer({ 'x-user': 'u1' })).status).toBe(200);
    expect(loaded().length).toBeGreaterThan(0);
    for (let user = 0; user < 10; user++) {
      expect((await infer({ 'x-user': `u${user}` })).status).toBe(200);
      expect(loaded().length).toBeLessThanOrEqual(2);
    }
    expect(await server.registry.getSingleMetricAsString(METRICS.modelEvictions.name)).toMatch(/\} [1-9]/);
  });

  it('holds a pipeline to a model that is loaded again, and refuses at once when it does not fit', async () => {
    await serve();
    const load = (name: string) =>
      server.app.inject({ method: 'POST', url: `${PATHS.repository}/models/${name}/load`, headers });
    server.source.graphs.set('scale', operationModel('Add', ['x', 'z'], 'y'));
    expect((await load('scale')).statusCode).toBe(200);
    const problem = `LNMT8354: pipeline "${NAME}": nothing gives the tensor "z", which main/scale takes`;
    expect(await index()).toContainEqual({ name: NAME, version: '1', state: 'UNAVAILABLE', reason: problem });
    expect(server.log.join('')).toContain('pipeline does not fit its models');
    expect((await server.app.inject({ url: `${modelPath(NAME)}/ready`, headers })).statusCode).toBe(503);
    expect((await infer()).body).toEqual({ error: 'the pipeline is not ready: it does not fit its models (LNMT8354)' });
    expect([(await infer({}, 'small')).status, server.health.ready]).toEqual([400, true]);
    server.source.graphs.set('scale', timesModel(20));
    expect((await load('scale')).statusCode).toBe(200);
    expect((await infer({ 'x-tier': 'gold' })).body.outputs[0]?.data).toEqual([60, 120]);
  });

  it('refuses to start with one that does not fit', async () => {
    server = await onnxServer({
      graphs: { ...GRAPHS, small: identityModel('INT64') },
      pipelines: pipelines(),
      load: 'eager',
    });
    await expect(server.start()).rejects.toThrow('LNMT8354');
    expect(server.health.ready).toBe(false);
  });

  it('counts requests under the name of the pipeline, and times its steps', async () => {
    await serve();
    await infer({ 'x-tier': 'gold' });
    await infer({ 'x-user': 'u1' });
    const text = (await server.metricsApp.inject({ url: PATHS.metrics })).body;
    expect(text).toContain(`${METRICS.inferenceRequests.name}{model="${NAME}",version="1",code="200"} 2`);
    expect(text).toContain(`${METRICS.pipelineReady.name}{pipeline="${NAME}"} 1`);
    expect(text).toContain(`${METRICS.pipelineStepDuration.name}_count{pipeline="${NAME}",step="main/scale"} 2`);
    expect(text).toContain(`${METRICS.pipelineBranches.name}{pipeline="${NAME}",step="route/all"} 1`);
  });

  it('shows whether one is ready, unless it was unloaded on request', async () => {
    await serve();
    const manage = (name: string, action: 'load' | 'unload') =>
      server.app.inject({ method: 'POST', url: `${PATHS.repository}/models/${name}/${action}`, headers, payload: {} });
    const shown = async (): Promise<number[]> => {
      await server.refresh();
      return (await server.metrics.pipelineReady.get()).values.map(({ value }) => value);
    };
    expect(await shown()).toEqual([1]);
    await manage('scale', 'unload');
    expect(await shown()).toEqual([0]);
    await manage(NAME, 'unload');
    expect(await shown()).toEqual([]);
  });

  it('puts a span around each step, one inside the other, in the trace of the request', async () => {
    const exporter = new InMemorySpanExporter();
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    trace.setGlobalTracerProvider(provider);
    try {
      await serve();
      await infer({ 'x-tier': 'gold', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` });
      const spans = exporter.getFinishedSpans();
      const nodes = spans.filter(({ name }) => name === 'node');
      const at = (step: string) => nodes.find(({ attributes }) => attributes['lnmt.node'] === step);
      expect(nodes.map(({ attributes }) => attributes['lnmt.node']).sort()).toEqual([
        ...['all/large', 'all/small', 'main/route', 'main/scale', 'route/all'],
      ]);
      expect(new Set(spans.map((span) => span.spanContext().traceId))).toEqual(new Set(['a'.repeat(32)]));
      expect(at('all/small')?.parentSpanContext?.spanId).toBe(at('route/all')?.spanContext().spanId);
      const batch = spans.find(({ name }) => name === 'batch');
      expect(nodes.map((span) => span.spanContext().spanId)).toContain(batch?.parentSpanContext?.spanId);
    } finally {
      trace.disable();
    }
  });

  it('holds a caller to the policy for the models, too, unless the pipeline says otherwise', async () => {
    const policy = await CedarPolicy.create(
      'permit(principal, action, resource); forbid(principal, action, resource == LNMT::Model::"large");',
      'S',
    );
    const [example] = pipelines();
    if (example === undefined) throw new Error('no example');
    await serve({ pipelines: [example, { ...example, name: 'open', access: 'pipeline' }], deps: { policy } });
    expect(await infer()).toMatchObject({ status: 403, body: { error: 'the policy does not allow this' } });
    expect((await infer({ 'x-tier': 'gold' }, 'open')).body.outputs[0]?.data).toEqual([30, 60]);
    expect((await infer({}, 'large')).status).toBe(403);
  });

  it('holds a caller to the policy for its version, named or not', async () => {
    const policy = await CedarPolicy.create(
      `forbid(principal, action, resource == LNMT::Model::"${NAME}") when { resource has version };`,
      'S',
    );
    await serve({ deps: { policy } });
    expect(await infer()).toMatchObject({ status: 403, body: { error: 'the policy does not allow this' } });
  });
});
