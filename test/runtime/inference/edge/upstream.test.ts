import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HEADERS, inferPath, METRICS, modelPath, PATHS } from '../../../../runtime/contract';
import { Destination, SendError } from '../../../../runtime/inference/edge/destination';
import { Upstream } from '../../../../runtime/inference/edge/upstream';
import type { UpstreamSettings } from '../../../../runtime/inference/edge/open';
import { followPeerTls } from '../../../../runtime/inference/edge/peer-tls';
import type { PeerTlsFiles } from '../../../../runtime/inference/edge/peer-tls';
import { settingsOf } from '../../../../runtime/inference/models/model-config';
import { parsePipelines } from '../../../../runtime/inference/pipelines/read-file';
import { followSecret } from '../../../../runtime/inference/edge/secret-file';
import { TestAuthority } from '../../support/certificates';
import { portOf } from '../../support/listening';
import { onnxServer, timesModel } from '../../support/onnx-server';
import { DEMO_REQUEST, FULL_KEY, testServer } from '../../support/server';
import type { ServerOptions, TestServer } from '../../support/server';
import { temporaryFolder } from '../../support/temporary';

const now = (): number => performance.now();
const quiet = { info: () => undefined, error: () => undefined };
const cleanup: (() => unknown)[] = [];
let dir: string;

beforeEach(() => {
  dir = temporaryFolder();
  fs.writeFileSync(path.join(dir, 'key'), `${FULL_KEY}\n`);
});

afterEach(async () => {
  for (const end of cleanup.splice(0).reverse()) await end();
  fs.rmSync(dir, { recursive: true });
});

function settings(
  url: string,
  more: Partial<UpstreamSettings> = {},
  tls?: ReturnType<typeof followPeerTls>,
): UpstreamSettings {
  const secret = followSecret(path.join(dir, 'key'), quiet);
  cleanup.push(() => secret.close());
  const connections = more.connections ?? 8;
  const destination = new Destination({ url: new URL(url), connections, secret, tls });
  const base = { mode: 'local-first', maxBytes: 1 << 20, timeoutMs: 10_000, patienceMs: 300 } as const;
  return { ...base, ...more, connections, destination };
}

interface Running extends TestServer {
  readonly url: string;
}

async function run(options: ServerOptions, load = true): Promise<Running> {
  const server = await testServer(options);
  if (load) await server.load('model.onnx');
  const url = await server.app.listen({ host: '127.0.0.1', port: 0 });
  cleanup.push(async () => {
    await server.release();
    server.app.server.closeAllConnections();
    await server.app.close();
    await server.models.close();
  });
  return { ...server, url };
}

/** Something that listens and answers as a test says. */
async function listen(
  answer: (request: http.IncomingMessage, response: http.ServerResponse) => unknown,
): Promise<{ readonly url: string; readonly server: http.Server }> {
  const server = http.createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanup.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${portOf(server)}`, server };
}

const ask = (
  url: string,
  name: string,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Response> =>
  fetch(url + inferPath(name), {
    method: 'POST',
    headers: { authorization: `Bearer ${FULL_KEY}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(DEMO_REQUEST),
    ...(signal ? { signal } : {}),
  });
const get = (url: string, path: string): Promise<Response> =>
  fetch(url + path, { headers: { authorization: `Bearer ${FULL_KEY}` } });
const by = (response: Response): string | null => response.headers.get(HEADERS.servedBy);
const told = async (response: Response): Promise<unknown[]> => [
  response.status,
  response.headers.get('x-error-code'),
  by(response),
];
const DEAD = 'http://127.0.0.1:9';
type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => unknown;
const hows: Readonly<Record<string, Handler>> = {
  fails: (_, response) => response.writeHead(500).end('/secret/path'),
  'does not know this server': (_, response) => response.writeHead(401).end(),
  'answers garbage': (_, response) => response.end('{"outputs":7}'),
  'points elsewhere': (_, response) => response.writeHead(302, { location: DEAD }).end(),
  'refuses the request': (_, response) => response.writeHead(422).end('no'),
  'hangs in its answer': (_, response) => response.write('{"out'),
  'breaks off': (_, response) => response.write('{"out', () => response.destroy()),
  'answers too much': (_, response) => response.end(Buffer.alloc(2 << 20)),
};

describe('a server that asks its own models first', () => {
  it('answers for its model itself, and has the upstream server answer for the others', async () => {
    const upstream = await run({ name: 'far' });
    const edge = await run({ upstream: settings(upstream.url) });
    const [here, there] = [await ask(edge.url, 'demo'), await ask(edge.url, 'far')];
    expect([here.status, by(here), there.status, by(there)]).toEqual([200, 'local', 200, 'upstream']);
    expect(await there.json()).toMatchObject({ model_name: 'far', model_version: '1', outputs: [{ data: [1, 2.5] }] });
    const text = await edge.registry.metrics();
    expect(text).toContain(`${METRICS.upstreamAnswers.name}{served_by="upstream",reason="absent"} 1`);
    expect(text).toContain(`${METRICS.upstreamAnswers.name}{served_by="local",reason="first"} 1`);
    expect(text).toContain(`${METRICS.upstreamRequests.name}{outcome="answered"} 1`);
  });

  it('describes models that only the upstream server has, and says whether they are ready', async () => {
    const upstream = await run({ name: 'far' });
    const edge = await run({ upstream: settings(upstream.url) });
    const described = await get(edge.url, modelPath('far'));
    expect(await described.json()).toMatchObject({
      name: 'far',
      versions: ['1'],
      inputs: [{ name: 'x', shape: [-1, 2] }],
    });
    expect((await get(edge.url, `${modelPath('far')}/ready`)).status).toBe(200);
    await upstream.app.close();
    expect((await get(edge.url, modelPath('far'))).status).toBe(200);
    expect((await get(edge.url, modelPath('nowhere'))).status).toBe(503);
  });

  it('says 404 for what neither has', async () => {
    const edge = await run({ upstream: settings((await run({ name: 'far' })).url) });
    expect(await told(await ask(edge.url, 'nobody'))).toEqual([404, 'LNMT8495', null]);
    expect((await get(edge.url, modelPath('nobody'))).status).toBe(404);
  });

  it('answers from upstream while its own model comes, and is ready then', async () => {
    const upstream = await run({});
    const edge = await run({ upstream: settings(upstream.url) }, false);
    edge.source.failure = Object.assign(new Error('slow'), {});
    const coming = edge.start().catch(() => undefined);
    await expect.poll(async () => (await get(edge.url, PATHS.ready)).status).toBe(200);
    const answer = await ask(edge.url, 'demo');
    expect([answer.status, by(answer)]).toEqual([200, 'upstream']);
    await coming;
  });

  it('sends its own key, what is left of the deadline and the priority, and tensors as bytes', async () => {
    const seen: { headers: http.IncomingHttpHeaders; body: string }[] = [];
    const { url } = await listen((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')));
      request.on('end', () => {
        seen.push({ headers: request.headers, body });
        response.end('{"outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[4,5]}]}');
      });
    });
    const edge = await run({ upstream: settings(`${url}/prefix/`), open: true });
    const answer = await ask(edge.url, 'far', {
      authorization: 'Bearer of-the-caller',
      [HEADERS.requestTimeout]: '5000',
    });
    expect(await answer.json()).toMatchObject({ outputs: [{ data: [4, 5] }] });
    const [first] = seen;
    expect(first?.headers.authorization).toBe(`Bearer ${FULL_KEY}`);
    expect(Number(first?.headers[HEADERS.requestTimeout])).toBeLessThanOrEqual(5000);
    expect(Number(first?.headers[HEADERS.requestTimeout])).toBeGreaterThan(0);
    expect(first?.body).toContain('"binary_data_size":8');
    expect(JSON.stringify(first)).not.toContain('of-the-caller');
  });

  it('sends parameters and the headers that are listed, and nothing else of what the caller sent', async () => {
    const seen: { headers: http.IncomingHttpHeaders; parameters: unknown }[] = [];
    const { url } = await listen((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const json = Buffer.concat(chunks).subarray(0, Number(request.headers[HEADERS.inferenceHeaderLength]));
        const { parameters } = JSON.parse(json.toString()) as { parameters: unknown };
        seen.push({ headers: request.headers, parameters });
        response.end('{"outputs":[]}');
      });
    });
    const listed = ['x-variant', 'authorization', 'cookie', 'x-api-key', 'host', 'transfer-encoding', 'x-absent'];
    const edge = await run({ upstream: settings(url, { headers: listed }) });
    const parameters = {
      tier: 'gold',
      fast: true,
      level: 3,
      timeout: 9_000_000,
      priority: 2,
      binary_data_output: false,
    };
    const answer = await fetch(edge.url + inferPath('far'), {
      method: 'POST',
      headers: {
        ...{ authorization: `Bearer ${FULL_KEY}`, 'content-type': 'application/json', 'cache-control': 'no-store' },
        ...{ 'x-variant': 'beta', 'x-other': 'stays', cookie: 'session=secret', 'x-request-id': 'mine' },
      },
      body: JSON.stringify({ ...DEMO_REQUEST, parameters }),
    });
    expect(answer.status).toBe(200);
    const [first] = seen;
    expect(first?.parameters).toEqual({ binary_data_output: true, priority: 2, tier: 'gold', fast: true, level: 3 });
    expect(Object.keys(first?.headers ?? {}).sort()).toEqual([
      ...['authorization', 'cache-control', 'connection', 'content-length', 'content-type', 'host'],
      ...[HEADERS.inferenceHeaderLength, HEADERS.via, HEADERS.requestTimeout, 'x-variant'],
    ]);
    expect(first?.headers).toMatchObject({ 'cache-control': 'no-store', 'x-variant': 'beta' });
    expect(first?.headers.authorization).toBe(`Bearer ${FULL_KEY}`);
    expect(Number(first?.headers[HEADERS.requestTimeout])).toBeLessThanOrEqual(9_000);
    expect(JSON.stringify(first)).not.toContain('secret');
  });

  it('has the traffic rules of a real upstream server see the headers that are listed', async () => {
    const upstream = await run({ name: 'far' }, false);
    upstream.source.models['far'] = ['1', '2'];
    const traffic = { headers: [{ header: 'X-Variant', value: 'beta', version: '2' }] };
    upstream.source.says = settingsOf({ aliases: { production: '1' }, traffic }, 'config.json');
    await upstream.load('model.onnx');
    const versionBy = async (headers: readonly string[]): Promise<unknown> => {
      const edge = await run({ upstream: settings(upstream.url, { headers }) });
      const answer = await ask(edge.url, 'far', { 'x-variant': 'beta' });
      return ((await answer.json()) as { model_version: string }).model_version;
    };
    expect(await versionBy(['x-variant'])).toBe('2');
    expect(await versionBy([])).toBe('1');
  });

  it('has the pipelines of a real upstream server see parameters and headers', async () => {
    const when = (condition: object, model: string): object => ({ when: condition, model });
    const branches = [
      when({ parameter: 'tier', equals: 'gold' }, 'ten'),
      when({ header: 'x-tier', exists: true }, 'two'),
    ];
    const root = { kind: 'switch', branches, default: { model: 'one' } };
    const pipeline = { name: 'p', inputs: ['x'], outputs: ['y'], root: 'root', nodes: { root } };
    const { pipelines, problems } = parsePipelines(JSON.stringify({ pipelines: [pipeline] }));
    expect(problems).toEqual([]);
    const graphs = { one: timesModel(1), two: timesModel(2), ten: timesModel(10) };
    const upstream = await onnxServer({ graphs, pipelines });
    cleanup.push(() => upstream.close());
    await upstream.start();
    const url = await upstream.app.listen({ host: '127.0.0.1', port: 0 });
    await expect.poll(() => upstream.health.ready).toBe(true);
    const edge = await run({ upstream: settings(url, { headers: ['x-tier'] }) });
    const times = async (parameters: object, headers: Record<string, string> = {}): Promise<unknown> => {
      const answer = await fetch(edge.url + inferPath('p'), {
        method: 'POST',
        headers: { authorization: `Bearer ${FULL_KEY}`, 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [3] }], parameters }),
      });
      return ((await answer.json()) as { outputs: { data: number[] }[] }).outputs[0]?.data[0];
    };
    expect([await times({}), await times({ tier: 'gold' }), await times({}, { 'x-tier': 'any' })]).toEqual([3, 30, 6]);
  });

  it.each([
    ['is not there', 503, 'LNMT8491'],
    ['fails', 503, 'LNMT8491'],
    ['does not know this server', 502, 'LNMT8496'],
    ['answers garbage', 502, 'LNMT8493'],
    ['points elsewhere', 502, 'LNMT8493'],
    ['refuses the request', 422, 'LNMT8495'],
    ['hangs in its answer', 504, 'LNMT8492'],
    ['breaks off', 503, 'LNMT8491'],
    ['answers too much', 502, 'LNMT8493'],
  ])('says so when the upstream server %s, and nothing of what it said', async (how, status, code) => {
    const handler = hows[how];
    const { url } = handler === undefined ? { url: DEAD } : await listen(handler);
    const edge = await run({ upstream: settings(url, { timeoutMs: 400 }) });
    const answer = await ask(edge.url, 'far');
    expect(await told(answer)).toEqual([status, code, null]);
    expect(await answer.text()).not.toMatch(/secret|127\.0\.0\.1/);
    expect((await ask(edge.url, 'demo')).status).toBe(200);
  });

  it('leaves an upstream server alone that says it has too much to do, and tries it again after that', async () => {
    let busy = true;
    let asked = 0;
    const { url } = await listen((_request, response) => {
      asked += 1;
      if (busy) response.writeHead(503, { 'retry-after': '2' }).end();
      else response.end('{"outputs":[]}');
    });
    const edge = await run({ upstream: settings(url) });
    const first = await ask(edge.url, 'far');
    expect([...(await told(first)), first.headers.get('retry-after')]).toEqual([503, 'LNMT8497', null, '2']);
    busy = false;
    expect([(await ask(edge.url, 'far')).status, asked]).toEqual([503, 1]);
    await edge.metricsApp.inject(PATHS.metrics);
    expect(await edge.registry.metrics()).toContain(`${METRICS.upstreamBreakerOpen.name} 1`);
    await delay(2_100);
    expect([(await ask(edge.url, 'far')).status, asked]).toEqual([200, 2]);
  });

  it('asks an upstream server on for others when one of its models is not loaded', async () => {
    const { url } = await listen((request, response) => {
      if (request.url?.includes('far') === true) response.end('{"outputs":[]}');
      else response.writeHead(503, { 'retry-after': '5', 'x-error-code': 'LNMT8211' }).end();
    });
    const edge = await run({ upstream: settings(url) });
    for (let turn = 0; turn < 7; turn += 1) expect((await ask(edge.url, 'cold')).status).toBe(503);
    expect((await ask(edge.url, 'far')).status).toBe(200);
  });

  it('ends its work upstream when the client leaves', async () => {
    let closed = false;
    let began: () => void = () => undefined;
    const started = new Promise<void>((resolve) => (began = resolve));
    const { url } = await listen((request) => {
      request.socket.on('close', () => (closed = true));
      began();
    });
    const edge = await run({ upstream: settings(url) });
    const client = new AbortController();
    const asked = ask(edge.url, 'far', {}, client.signal).catch(() => undefined);
    await started;
    client.abort();
    await asked;
    await expect.poll(() => closed).toBe(true);
  });

  it('refuses more requests upstream than its bound', async () => {
    const { url } = await listen(() => undefined);
    const edge = await run({ upstream: settings(url, { connections: 1, timeoutMs: 1_500 }) });
    const slow = ask(edge.url, 'far');
    await delay(300);
    expect(await told(await ask(edge.url, 'far'))).toEqual([503, 'LNMT8497', null]);
    expect((await slow).status).toBe(504);
  });

  it('leaves an upstream server alone that never answers, though requests beyond its bound are refused meanwhile', async () => {
    const outcomes: string[] = [];
    const upstream = new Upstream({
      destination: { send: () => delay(20).then(() => Promise.reject(new SendError('timeout'))) },
      ...{ connections: 2, maxBytes: 100, now, log: { warn: () => undefined } },
      observed: (outcome) => void outcomes.push(outcome),
    });
    const send = (): Promise<unknown> =>
      upstream
        .ask({ method: 'GET', path: '/', headers: {} }, { timeoutMs: 1_000, via: 'a', last: false }, () => 1)
        .catch(() => undefined);
    for (let round = 0; round < 3; round += 1) {
      const all = [send(), send(), send()];
      await Promise.race(all);
      await Promise.all([...all, send()]);
    }
    expect(outcomes.filter((outcome) => outcome === 'timeout').length).toBeGreaterThanOrEqual(5);
    expect(outcomes).toContain('not-ready');
    expect(upstream.breaker.open).toBe(true);
  });

  it('ends at once where two servers name each other', async () => {
    const [one, two] = [http.createServer(), http.createServer()];
    for (const server of [one, two]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const ports = [portOf(one), portOf(two)];
    for (const server of [one, two]) await new Promise((resolve) => server.close(resolve));
    const start = async (port: number, other: number): Promise<TestServer> => {
      const server = await testServer({ upstream: settings(`http://127.0.0.1:${other}`) });
      await server.load('model.onnx');
      await server.app.listen({ host: '127.0.0.1', port });
      cleanup.push(async () => {
        await server.release();
        await server.app.close();
      });
      return server;
    };
    const a = await start(ports[0] ?? 0, ports[1] ?? 0);
    await start(ports[1] ?? 0, ports[0] ?? 0);
    const answer = await ask(`http://127.0.0.1:${ports[0]}`, 'nobody');
    expect((await told(answer)).slice(0, 1)).toEqual([404]);
    expect(await a.registry.metrics()).toContain(`${METRICS.upstreamRequests.name}{outcome="absent"} 1`);
    expect((await get(`http://127.0.0.1:${ports[0]}`, modelPath('nobody'))).status).toBe(404);
    const through = await ask(`http://127.0.0.1:${ports[0]}`, 'nobody', { [HEADERS.via]: 'a,b,c,d' });
    expect(await told(through)).toEqual([508, 'LNMT8494', null]);
  });
});

describe('a server that asks the upstream server first', () => {
  const first = { mode: 'upstream-first' } as const;

  it('has it answer, and answers itself when it is gone, too slow or failing', async () => {
    const upstream = await run({});
    const edge = await run({ upstream: settings(upstream.url, first) });
    expect(by(await ask(edge.url, 'demo'))).toBe('upstream');
    let open: () => void = () => undefined;
    upstream.backend.gate = new Promise((resolve) => (open = resolve));
    const slow = await ask(edge.url, 'demo');
    expect([slow.status, by(slow)]).toEqual([200, 'local']);
    open();
    await upstream.release();
    upstream.app.server.closeAllConnections();
    await upstream.app.close();
    const gone = await ask(edge.url, 'demo');
    expect([gone.status, by(gone)]).toEqual([200, 'local']);
    const text = await edge.registry.metrics();
    expect(text).toContain('{served_by="local",reason="timeout"} 1');
    expect(text).toContain('{served_by="local",reason="unreachable"} 1');
    expect((await get(edge.url, PATHS.ready)).status).toBe(200);
  });

  it('gives it all the time where it alone has the model', async () => {
    const { url } = await listen((_request, response) => {
      setTimeout(() => response.end('{"outputs":[]}'), 900);
    });
    const edge = await run({ upstream: settings(url, first) });
    expect(by(await ask(edge.url, 'far'))).toBe('upstream');
  });

  it('does not answer itself what the upstream server refuses for good', async () => {
    const { url } = await listen((_request, response) => response.writeHead(400).end());
    const edge = await run({ upstream: settings(url, first) });
    expect(await told(await ask(edge.url, 'demo'))).toEqual([400, 'LNMT8495', null]);
  });

  it.each([405, 408, 413, 421, 425, 431])(
    'answers itself what the upstream server alone does not take: %i',
    async (status) => {
      const { url } = await listen((_request, response) => response.writeHead(status).end());
      const edge = await run({ upstream: settings(url, first) });
      expect(by(await ask(edge.url, 'demo'))).toBe('local');
      expect((await ask(edge.url, 'far')).status).toBe(status === 408 ? 504 : status);
    },
  );

  it('answers itself what has come through too many servers', async () => {
    const edge = await run({ upstream: settings(DEAD, first) });
    expect(by(await ask(edge.url, 'demo', { [HEADERS.via]: 'a,b,c,d' }))).toBe('local');
  });
});

describe('the way to another server', () => {
  it('is tried twice only where there was no connection', async () => {
    let asked = 0;
    const { url, server } = await listen((request) => {
      asked += 1;
      request.socket.destroy();
    });
    const edge = await run({ upstream: settings(url) });
    expect([(await ask(edge.url, 'far')).status, asked]).toEqual([503, 1]);
    const port = portOf(server);
    await new Promise((resolve) => server.close(resolve));
    const late = http.createServer((_request, response) => response.end('{"outputs":[]}'));
    const answer = ask(edge.url, 'far');
    late.listen(port, '127.0.0.1');
    cleanup.push(() => void late.close());
    expect([200, 503]).toContain((await answer).status);
  });

  it('is TLS by the authorities that are named, with a certificate of its own', async () => {
    const authority = new TestAuthority('ca');
    const [server, client] = [authority.issue('up', ['IP:127.0.0.1'], 'serverAuth'), authority.issue('edge', [])];
    const files = { ca: authority.cert, cert: client.cert, key: client.key };
    for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(dir, `${name}.pem`), text);
    const options = { ...server, ca: authority.cert, requestCert: true, rejectUnauthorized: true };
    const listener = https.createServer(options, (_request, response) => response.end('{"outputs":[]}'));
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    cleanup.push(() => {
      listener.closeAllConnections();
      listener.close();
    });
    const url = `https://127.0.0.1:${portOf(listener)}`;
    const file = (name: string): string => path.join(dir, `${name}.pem`);
    const open = (files: PeerTlsFiles): ReturnType<typeof followPeerTls> => followPeerTls(files, quiet);
    const tls = open({ ca: file('ca'), cert: file('cert'), key: file('key') });
    const known = await run({ upstream: settings(url, {}, tls) });
    expect(by(await ask(known.url, 'far'))).toBe('upstream');
    await known.refresh();
    expect((await known.metrics.filesRefused.get()).values).toEqual([
      { labels: { files: 'upstream-tls' }, value: 0 },
      { labels: { files: 'upstream-key' }, value: 0 },
    ]);
    expect((await ask((await run({ upstream: settings(url) })).url, 'far')).status).toBe(503);
    for (const bad of [{ ca: file('key') }, { ca: file('absent') }, { cert: file('ca'), key: file('key') }]) {
      expect(() => open(bad)).toThrow('LNMT8114');
    }
    expect(open({})).toBeUndefined();
  });

  it('shows a certificate that was renewed while it runs, and the last good one until its key fits', async () => {
    const authority = new TestAuthority('ca');
    const [server, one, two] = ['up', 'one', 'two'].map((name) => authority.issue(name, ['IP:127.0.0.1']));
    const file = (name: string): string => path.join(dir, `${name}.pem`);
    const write = (name: string, text = ''): void => fs.writeFileSync(file(name), text);
    write('ca', authority.cert);
    write('cert', one?.cert);
    write('key', one?.key);
    const shown: unknown[] = [];
    const options = { ...server, ca: authority.cert, requestCert: true };
    const listener = https.createServer(options, (request, response) => {
      shown.push((request.socket as TLSSocket).getPeerCertificate().subject.CN);
      response.end();
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const told: unknown[] = [];
    const files = { ca: file('ca'), cert: file('cert'), key: file('key') };
    const tls = followPeerTls(files, { info: () => undefined, error: (fields: unknown) => void told.push(fields) });
    const url = new URL(`https://127.0.0.1:${portOf(listener)}`);
    const destination = new Destination({ url, connections: 1, tls });
    cleanup.push(() => {
      destination.close();
      listener.closeAllConnections();
      listener.close();
    });
    const send = async (): Promise<void> => {
      tls?.poll();
      await destination.send({ method: 'GET', path: '/', headers: {}, timeoutMs: 5_000, maxBytes: 100 });
    };
    await send();
    write('cert', two?.cert);
    await send();
    await send();
    expect([told.length, destination.refused.tls]).toEqual([1, true]);
    write('key', two?.key);
    await send();
    expect(destination.refused.tls).toBe(false);
    expect(shown).toEqual(['one', 'one', 'one', 'two']);
  });

  it('takes a new key while it runs, and keeps the last good one', () => {
    const file = path.join(dir, 'key');
    const told: unknown[] = [];
    const secret = followSecret(file, { ...quiet, error: (fields: unknown) => void told.push(fields) });
    const destination = new Destination({ url: new URL(DEAD), connections: 1, secret });
    cleanup.push(() => destination.close());
    const seen = (): unknown[] => {
      secret.poll();
      return [secret.current, destination.refused.secret, told.length];
    };
    fs.writeFileSync(file, 'new-key');
    expect(secret.current).toBe(FULL_KEY);
    expect(seen()).toEqual(['new-key', false, 0]);
    fs.writeFileSync(file, 'two words');
    expect(seen()).toEqual(['new-key', true, 1]);
    expect(seen()).toEqual(['new-key', true, 1]);
    for (const bad of [file, path.join(dir, 'absent')]) expect(() => followSecret(bad, quiet)).toThrow('LNMT8113');
  });
});
