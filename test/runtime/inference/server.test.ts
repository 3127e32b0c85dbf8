import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inferPath, METRICS, modelPath, PATHS } from '../../../runtime/contract';
import { ERROR_CODE_HEADER } from '../../../runtime/shared/error-plugin';
import { DEMO_REQUEST, FULL_KEY, testServer } from '../support/server';

type Server = Awaited<ReturnType<typeof testServer>>;

const headers = { 'x-api-key': FULL_KEY, 'content-type': 'application/json' };
const infer = inferPath('demo');

describe('the inference server', () => {
  let server: Server;

  beforeEach(async () => {
    server = await testServer();
    await server.load('model.onnx');
  });

  afterEach(() => server.app.close());

  const counted = async (code: string, model = 'demo', version = '1'): Promise<number> => {
    const metric = await server.registry.getSingleMetric(METRICS.inferenceRequests.name)?.get();
    const match = { model, version, code };
    return metric?.values.find(({ labels }) => JSON.stringify(labels) === JSON.stringify(match))?.value ?? 0;
  };

  it('answers an inference request of the protocol, with and without a version in the path', async () => {
    for (const url of [infer, inferPath('demo', '1')]) {
      const answer = await server.app.inject({ method: 'POST', url, headers, payload: { id: 'q', ...DEMO_REQUEST } });
      expect(answer.statusCode).toBe(200);
      expect(answer.headers['content-type']).toContain('application/json');
      expect(answer.json()).toEqual({
        model_name: 'demo',
        model_version: '1',
        id: 'q',
        outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2], data: [1, 2.5] }],
      });
    }
  });

  it('takes a body without a media type, as clients of the protocol send it', async () => {
    const payload = Buffer.from(JSON.stringify(DEMO_REQUEST));
    const answer = await server.app.inject({ method: 'POST', url: infer, headers: { 'x-api-key': FULL_KEY }, payload });
    expect(answer.statusCode).toBe(200);
  });

  it('describes itself and its model', async () => {
    const self = await server.app.inject({ url: PATHS.server, headers });
    expect(self.json()).toEqual({
      name: 'lnmt-inference',
      version: expect.any(String) as string,
      extensions: ['binary_tensor_data', 'schedule_policy', 'model_repository', 'model_configuration', 'statistics'],
    });
    for (const url of [modelPath('demo'), modelPath('demo', '1')]) {
      const model = await server.app.inject({ url, headers });
      expect(model.json()).toEqual({
        name: 'demo',
        versions: ['1'],
        platform: 'onnxruntime_onnx',
        inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
        outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
      });
      const ready = await server.app.inject({ url: `${url}/ready`, headers });
      expect([ready.statusCode, ready.json()]).toEqual([200, { name: 'demo', ready: true }]);
    }
  });

  it.each([
    ['another model', inferPath('other'), DEMO_REQUEST, 404, 'the model or version is not served here'],
    ['another version', inferPath('demo', '2'), DEMO_REQUEST, 404, 'the model or version is not served here'],
    ['a missing input', infer, { inputs: [] }, 400, 'input "x" is missing'],
    [
      'an unknown input',
      infer,
      { inputs: [{ ...DEMO_REQUEST.inputs[0], name: 'z' }] },
      400,
      'input "z" is unknown; the model takes "x"',
    ],
    [
      'another datatype',
      infer,
      { inputs: [{ ...DEMO_REQUEST.inputs[0], datatype: 'FP64' }] },
      400,
      'input "x": datatype got FP64; the model takes FP32',
    ],
    [
      'another shape',
      infer,
      { inputs: [{ ...DEMO_REQUEST.inputs[0], shape: [2, 1] }] },
      400,
      'input "x": shape got [2,1]; the model takes [-1,2]',
    ],
    [
      'an unknown output',
      infer,
      { ...DEMO_REQUEST, outputs: [{ name: 'z' }] },
      400,
      'output "z" is unknown; the model gives "y"',
    ],
  ])('refuses %s with a message and nothing else', async (_title, url, payload, status, error) => {
    const answer = await server.app.inject({ method: 'POST', url, headers, payload });
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toEqual({ error });
    expect(answer.headers[ERROR_CODE_HEADER]).toMatch(/^LNMT82\d\d$/);
    // KServe's client gives the message away where anything follows the media type.
    expect(answer.headers['content-type']).toBe('application/json');
  });

  it.each([
    [
      'another media type',
      { 'content-type': 'text/plain' },
      415,
      'this media type is not supported; send application/json, or application/octet-stream where tensors follow the JSON',
    ],
    [
      'an encoding that it does not know',
      { 'content-encoding': 'br' },
      415,
      'this content encoding is not supported; send gzip, deflate or none',
    ],
    [
      'a body that is not compressed as it says',
      { 'content-encoding': 'gzip' },
      400,
      'the body is not compressed as its header says',
    ],
  ])('refuses %s', async (_title, extra, status, error) => {
    const answer = await server.app.inject({
      method: 'POST',
      url: infer,
      headers: { ...headers, ...extra },
      payload: '{}',
    });
    expect([answer.statusCode, answer.json()]).toEqual([status, { error }]);
  });

  it('counts every request by outcome, and invented names under one label', async () => {
    const post = (url: string, more: object = {}) =>
      server.app.inject({ method: 'POST', url, headers, payload: DEMO_REQUEST, ...more });
    expect(await counted('200')).toBe(0);
    await post(infer);
    await post(inferPath('demo', '1'));
    await post(infer, { payload: '{' });
    await post(infer, { headers: {} });
    await post(inferPath('demo', '77'));
    await post(inferPath('invented-1'));
    await post(inferPath('invented-2'));
    expect(await counted('200')).toBe(2);
    expect(await counted('400')).toBe(1);
    expect(await counted('401')).toBe(1);
    expect(await counted('404', 'demo', 'other')).toBe(1);
    expect(await counted('404', 'other', 'other')).toBe(2);
  });

  it('answers health on both listeners alike', async () => {
    for (const url of [PATHS.startup, PATHS.live, PATHS.ready, PATHS.health]) {
      const [here, there] = [await server.app.inject({ url }), await server.metricsApp.inject({ url })];
      expect([there.statusCode, there.json()]).toEqual([here.statusCode, here.json()]);
    }
  });

  it('exposes its metrics on the other listener only', async () => {
    expect((await server.app.inject({ url: PATHS.metrics, headers })).statusCode).toBe(404);
    const answer = await server.metricsApp.inject({ url: PATHS.metrics });
    expect(answer.body).toContain('lnmt_inference_requests_total{model="demo",version="1",code="200"} 0');
    expect(answer.body).toContain('lnmt_model_ready{model="demo",version="1"} 1');
    for (const { name } of Object.values(METRICS)) expect(answer.body).toContain(`# TYPE ${name} `);
  });

  it('writes neither keys, bodies nor URLs to its log', async () => {
    const log: string[] = [];
    const talkative = await testServer({ log });
    await talkative.load('model.onnx');
    const payload = { inputs: [{ name: 'x', datatype: 'BYTES', shape: [1], data: ['private'] }] };
    await talkative.app.inject({ method: 'POST', url: `${infer}?token=secret-token`, headers, payload });
    expect(log.join('')).toContain('inference');
    for (const secret of [FULL_KEY, 'private', 'secret-token']) expect(log.join('')).not.toContain(secret);
    await talkative.app.close();
  });
});

describe('access', () => {
  let server: Server;

  beforeEach(async () => {
    server = await testServer();
    await server.load('model.onnx');
  });

  afterEach(() => server.app.close());

  const READ = [PATHS.server, modelPath('demo'), modelPath('demo', '1'), `${modelPath('demo')}/ready`];
  const INFER = [infer, inferPath('demo', '1'), inferPath('nothing')];
  const HEALTH = [PATHS.live, PATHS.ready, PATHS.health, PATHS.startup];

  const status = async (method: 'GET' | 'POST', url: string, more: Record<string, string>): Promise<number> => {
    const payload = method === 'POST' ? { payload: DEMO_REQUEST } : {};
    return (await server.app.inject({ method, url, headers: more, ...payload })).statusCode;
  };

  it.each(HEALTH)('to %s needs no key', async (url) => {
    expect(await status('GET', url, {})).toBe(200);
  });

  it.each([...READ.map((url) => ['GET', url] as const), ...INFER.map((url) => ['POST', url] as const)])(
    'to %s %s needs a valid key',
    async (method, url) => {
      expect(await status(method, url, {})).toBe(401);
      expect(await status(method, url, { 'x-api-key': 'wrong' })).toBe(401);
      expect(await status(method, url, { authorization: 'Bearer wrong' })).toBe(401);
      expect(await status(method, url, { authorization: `Basic ${FULL_KEY}` })).toBe(401);
      expect(await status(method, url, { 'x-api-key': 'expired-key' })).toBe(401);
      expect(await status(method, url, { 'x-api-key': '' })).toBe(401);
      expect(await status(method, url, { 'x-api-key': FULL_KEY })).not.toBe(401);
      expect(await status(method, url, { authorization: `Bearer ${FULL_KEY}` })).not.toBe(401);
    },
  );

  it('needs the scope of the operation', async () => {
    expect(await status('POST', infer, { 'x-api-key': 'infer-key' })).toBe(200);
    expect(await status('POST', infer, { 'x-api-key': 'read-key' })).toBe(403);
    expect(await status('GET', PATHS.server, { 'x-api-key': 'read-key' })).toBe(200);
    expect(await status('GET', PATHS.server, { 'x-api-key': 'infer-key' })).toBe(403);
  });

  it('is open where authentication is off', async () => {
    const open = await testServer({ open: true });
    expect((await open.app.inject({ url: PATHS.server })).statusCode).toBe(200);
    await open.app.close();
  });

  it('must be declared by every route, or the server refuses to be built', () => {
    expect(() => server.app.get('/undeclared', () => '')).toThrow();
  });

  it('is refused in the form of the protocol, and counted by reason', async () => {
    const answer = await server.app.inject({ url: PATHS.server });
    expect(answer.json()).toEqual({ error: 'a valid API key or token is needed' });
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(await server.registry.metrics()).toContain('lnmt_auth_failures_total{reason="missing"} 1');
  });
});

describe('admission and readiness', () => {
  it('answers 503 with Retry-After until the model is loaded, and while its process is replaced', async () => {
    const server = await testServer();
    const post = () => server.app.inject({ method: 'POST', url: infer, headers, payload: DEMO_REQUEST });
    const health = async (url: string) => (await server.app.inject({ url })).statusCode;
    const early = await post();
    expect([early.statusCode, early.headers['retry-after'], early.json()]).toEqual([
      503,
      '1',
      { error: 'the server is starting; repeat later' },
    ]);
    expect([await health(PATHS.live), await health(PATHS.startup), await health(PATHS.ready)]).toEqual([200, 503, 503]);
    await server.load('model.onnx');
    expect([await health(PATHS.live), await health(PATHS.startup), await health(PATHS.ready)]).toEqual([200, 200, 200]);
    server.backend.up = false;
    expect((await post()).statusCode).toBe(503);
    expect([await health(PATHS.live), await health(PATHS.startup), await health(PATHS.health)]).toEqual([
      200, 200, 503,
    ]);
    await server.app.close();
  });

  it('refuses with 429 and Retry-After what exceeds its concurrency, and recovers', async () => {
    const server = await testServer({ maxConcurrency: 2 });
    await server.load('model.onnx');
    let open: () => void = () => undefined;
    server.backend.gate = new Promise((resolve) => (open = resolve));
    const post = () => server.app.inject({ method: 'POST', url: infer, headers, payload: DEMO_REQUEST });
    const held = [post(), post()];
    await expect.poll(() => server.admission.inFlight).toBe(2);
    const refused = await post();
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([429, '1']);
    await expect.poll(() => server.backend.runs).toBe(1);
    open();
    expect((await Promise.all(held)).map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    expect((await post()).statusCode).toBe(200);
    expect(server.admission.inFlight).toBe(0);
    await server.app.close();
  });

  it('still answers while draining, and asks for the connection to be closed', async () => {
    const server = await testServer();
    await server.load('model.onnx');
    server.health.markDraining();
    expect((await server.app.inject({ url: PATHS.ready })).statusCode).toBe(503);
    const answer = await server.app.inject({ method: 'POST', url: infer, headers, payload: DEMO_REQUEST });
    expect([answer.statusCode, answer.headers['connection']]).toEqual([200, 'close']);
    await server.app.close();
  });

  it('refuses a body beyond the limit with 413', async () => {
    const server = await testServer({ maxRequestBytes: 1024 });
    await server.load('model.onnx');
    const payload = { ...DEMO_REQUEST, id: 'x'.repeat(2000) };
    const answer = await server.app.inject({ method: 'POST', url: infer, headers, payload });
    expect([answer.statusCode, answer.json()]).toEqual([413, { error: 'the request body is larger than 1024 bytes' }]);
    await server.app.close();
  });

  it('refuses too many headers and too long URLs with 431', async () => {
    const server = await testServer();
    const many = Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`x-${index}`, '1']));
    expect((await server.app.inject({ url: PATHS.live, headers: many })).statusCode).toBe(431);
    expect((await server.app.inject({ url: `${PATHS.live}?${'a'.repeat(5000)}` })).statusCode).toBe(431);
    await server.app.close();
  });

  it('keeps what went wrong inside to its log', async () => {
    const log: string[] = [];
    const server = await testServer({ log });
    await server.load('model.onnx');
    server.backend.run = async () => {
      throw new Error('/secret/path exploded');
    };
    const answer = await server.app.inject({ method: 'POST', url: infer, headers, payload: DEMO_REQUEST });
    expect([answer.statusCode, answer.json()]).toEqual([500, { error: 'the server failed' }]);
    expect(log.join('')).toContain('/secret/path exploded');
    await server.app.close();
  });
});
