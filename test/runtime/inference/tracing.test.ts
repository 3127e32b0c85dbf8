import { trace } from '@opentelemetry/api';
import { afterEach, describe, expect, it } from 'vitest';
import { PATHS } from '../../../runtime/contract';
import { startTracing } from '../../../runtime/shared/trace-export';
import { parseTraceparent } from '../../../runtime/shared/tracing';
import { GrpcClient } from '../support/grpc-client';
import { KEY } from '../support/process';
import { DEMO_REQUEST, FULL_KEY, testServer } from '../support/server';
import { spanCollector } from '../support/span-collector';
import { encoderFiles } from '../support/text-store';
import { TextStore } from '../support/text-server';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`;
const headers = { 'x-api-key': FULL_KEY, 'content-type': 'application/json', traceparent: TRACEPARENT };
const INFER = { method: 'POST', url: '/v2/models/demo/infer', headers, payload: DEMO_REQUEST } as const;

describe('a traceparent', () => {
  it.each([
    [TRACEPARENT, { traceId: TRACE, spanId: PARENT, traceFlags: 1, isRemote: true }],
    [`00-${TRACE}-${PARENT}-00`, { traceId: TRACE, spanId: PARENT, traceFlags: 0, isRemote: true }],
    [`cc-${TRACE}-${PARENT}-01-later`, { traceId: TRACE, spanId: PARENT, traceFlags: 1, isRemote: true }],
    [`00-${TRACE}-${PARENT}-01-more`, undefined],
    [`ff-${TRACE}-${PARENT}-01`, undefined],
    [`00-${'0'.repeat(32)}-${PARENT}-01`, undefined],
    [`00-${TRACE}-${'0'.repeat(16)}-01`, undefined],
    [`00-${TRACE.toUpperCase()}-${PARENT}-01`, undefined],
    [`00-${TRACE}-${PARENT}`, undefined],
    ['x'.repeat(10_000), undefined],
    [undefined, undefined],
    [['a'], undefined],
  ])('%j is %j', (header, parsed) => {
    expect(parseTraceparent(header)).toEqual(parsed);
  });
});

describe('a trace', () => {
  afterEach(() => trace.disable());

  it('is named in the log of a request, whether or not it is exported', async () => {
    const log: string[] = [];
    const server = await testServer({ log });
    await server.load('model.onnx');
    await server.app.inject(INFER);
    const line = log.map((text) => JSON.parse(text) as Record<string, unknown>).find(({ msg }) => msg === 'inference');
    expect(line).toMatchObject({ trace_id: TRACE, span_id: PARENT });
    await server.app.close();
  });

  it('of a batch links to every request in it', async () => {
    const to = await spanCollector();
    const log = { info: () => undefined };
    const end = await startTracing({ setting: 'S', endpoint: to.url, service: 'test', version: '1', log });
    const server = await testServer();
    server.backend.takes = { workers: 1, maxRows: 8 };
    await server.load('model.onnx');
    await Promise.all([1, 2, 3].map(() => server.app.inject(INFER)));
    await server.app.close();
    await end();
    to.close();
    const batch = to.spans.find(({ links = [] }) => links.length > 1);
    const requests = to.spans.filter(({ name }) => name === 'ModelInfer').map(({ spanId }) => spanId);
    expect(requests).toHaveLength(3);
    for (const { spanId } of batch?.links ?? []) expect(requests).toContain(spanId);
    expect(batch?.name).toBe('batch');
  });

  it('of embeddings leads to their batches', async () => {
    const to = await spanCollector();
    const store = new TextStore('tiny-embed', encoderFiles());
    const server = await store.serve({ otlpEndpoint: to.url });
    const answer = await fetch(`${await server.url()}${PATHS.openai}/embeddings`, {
      method: 'POST',
      headers: { ...headers, 'x-api-key': KEY },
      body: JSON.stringify({ model: 'tiny-embed', input: 'the cat' }),
    });
    expect(answer.status).toBe(200);
    server.signal('SIGTERM');
    expect(await server.ended()).toBe(0);
    to.close();
    const request = to.spans.find(({ name }) => name === 'OpenAiEmbeddings');
    expect(request).toMatchObject({ traceId: TRACE, parentSpanId: PARENT });
    for (const name of ['queue', 'batch']) {
      expect(to.spans.find((span) => span.name === name)).toMatchObject({
        ...{ traceId: TRACE, parentSpanId: request?.spanId },
      });
    }
    await server.dispose();
    store.remove();
  });

  it('leads from the caller through the request, over HTTP and gRPC', async () => {
    const to = await spanCollector();
    const log = { info: () => undefined };
    const end = await startTracing({ setting: 'S', endpoint: to.url, service: 'test', version: '1', log });
    const server = await testServer();
    await server.load('model.onnx');
    await server.app.inject(INFER);
    await server.app.inject({ url: PATHS.live });
    const client = GrpcClient.inference(await server.grpc.listen('127.0.0.1', 0));
    await client.call(
      'ModelInfer',
      {
        model_name: 'demo',
        inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [1, 2] } }],
      },
      { 'x-api-key': FULL_KEY },
    );
    await client.call('ServerMetadata', {}, { 'x-api-key': FULL_KEY, traceparent: TRACEPARENT });
    client.close();
    server.grpc.cut();
    await server.app.close();
    await end();
    to.close();
    const request = to.spans.find(({ name }) => name === 'ModelInfer');
    expect(request).toMatchObject({ traceId: TRACE, parentSpanId: PARENT });
    expect(request?.attributes).toContainEqual({ key: 'http.response.status_code', value: { intValue: 200 } });
    expect(to.spans.find(({ name }) => name === 'ServerMetadata')).toMatchObject({
      traceId: TRACE,
      parentSpanId: PARENT,
    });
    expect(to.spans.map(({ name }) => name)).not.toContain('ServerLive');
    const named = (name: string) => to.spans.filter((span) => span.name === name);
    expect([named('queue').length, named('batch').length, named('host').length]).toEqual([2, 2, 2]);
    expect(named('queue')[0]).toMatchObject({ traceId: TRACE, parentSpanId: request?.spanId });
    expect(named('batch')[0]).toMatchObject({ traceId: TRACE, parentSpanId: request?.spanId });
    expect(named('batch')[0]?.links).toMatchObject([{ traceId: TRACE, spanId: request?.spanId }]);
    expect(named('host')[0]).toMatchObject({ traceId: TRACE, parentSpanId: named('batch')[0]?.spanId });
    expect(JSON.stringify(to.spans)).not.toContain(FULL_KEY);
  });

  it('over gRPC is what it is over HTTP: failed where the server fails, and none where anyone may call', async () => {
    const to = await spanCollector();
    const log = { info: () => undefined };
    const end = await startTracing({ setting: 'S', endpoint: to.url, service: 'test', version: '1', log });
    // Nothing is loaded: 503, and UNAVAILABLE.
    const server = await testServer();
    expect((await server.app.inject(INFER)).statusCode).toBe(503);
    expect((await server.app.inject({ ...INFER, headers: { ...headers, 'x-api-key': 'wrong' } })).statusCode).toBe(401);
    const port = await server.grpc.listen('127.0.0.1', 0);
    const [client, health] = [GrpcClient.inference(port), GrpcClient.health(port)];
    await client.refused('ModelInfer', { model_name: 'demo' }, { 'x-api-key': FULL_KEY });
    await client.refused('ModelInfer', { model_name: 'demo' }, { 'x-api-key': 'wrong' });
    await client.call('ServerLive', {});
    await health.call('Check', { service: '' });
    for (const each of [client, health]) each.close();
    server.grpc.cut();
    await server.app.close();
    await end();
    to.close();
    expect(to.spans.map(({ name, status }) => `${name} ${status.code ?? 0}`).sort()).toEqual([
      ...['ModelInfer 0', 'ModelInfer 0', 'ModelInfer 2', 'ModelInfer 2'],
    ]);
  });
});
