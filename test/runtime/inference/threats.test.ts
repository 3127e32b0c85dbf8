import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { deflateSync, gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { inferPath, modelPath, PATHS } from '../../../runtime/contract';
import { CedarPolicy } from '../../../runtime/shared/cedar-policy';
import { ERROR_CODE_HEADER } from '../../../runtime/shared/error-plugin';
import { JwtVerifier } from '../../../runtime/shared/jwt';
import { GrpcClient } from '../support/grpc-client';
import { AUDIENCE, ISSUER, TestIssuer } from '../support/issuer';
import { DEMO_REQUEST, FULL_KEY, testServer } from '../support/server';
import type { TestServer } from '../support/server';

const headers = { 'x-api-key': FULL_KEY, 'content-type': 'application/json' };
const infer = inferPath('demo');
const body = JSON.stringify(DEMO_REQUEST);

let server: TestServer;
let port: number;
let log: string[];

beforeAll(async () => {
  log = [];
  server = await testServer({ log });
  await server.load('model.onnx');
  await server.app.listen({ host: '127.0.0.1', port: 0 });
  port = (server.app.server.address() as AddressInfo).port;
});

beforeEach(() => {
  log.length = 0;
});

afterAll(() => server.app.close());

/** Sends bytes as they are, and gives everything that comes back until the other side is done. */
function raw(text: string | Buffer, to = port): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = net.connect(to, '127.0.0.1', () => socket.write(text));
    const quiet = setTimeout(() => socket.end(), 400);
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      quiet.refresh();
    });
    socket.on('close', () => {
      clearTimeout(quiet);
      resolve(answer);
    });
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? resolve(answer) : reject(error),
    );
  });
}

const statuses = (answer: string): number[] =>
  [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, code]) => Number(code));
const head = (lines: readonly string[], line = `POST ${infer} HTTP/1.1`): string =>
  [line, 'Host: x', `X-API-Key: ${FULL_KEY}`, ...lines, '', ''].join('\r\n');
const post = (payload: string | Buffer, more: Record<string, string> = {}) =>
  server.app.inject({ method: 'POST', url: infer, headers: { ...headers, ...more }, payload });

describe('requests that two programs would read differently', () => {
  const length = `Content-Length: ${body.length}`;
  it.each([
    [
      'length and chunks',
      head([length, 'Transfer-Encoding: chunked']) + `0\r\n\r\nGET /v2 HTTP/1.1\r\nHost: x\r\n\r\n`,
    ],
    ['two lengths', head([length, 'Content-Length: 3']) + body],
    ['a length with a sign', head([`Content-Length: +${body.length}`]) + body],
    ['a length in hexadecimal', head(['Content-Length: 0x10']) + body],
    ['chunks under another name', head(['Transfer-Encoding: xchunked']) + '0\r\n\r\n'],
    ['chunks twice', head(['Transfer-Encoding: chunked', 'Transfer-Encoding: identity']) + '0\r\n\r\n'],
    ['a header that goes on in the next line', head(['X-A: 1', ' X-B: 2', length]) + body],
    ['a blank before the colon', head([`Content-Length : ${body.length}`]) + body],
    ['a line that ends without a return', head([length]).replaceAll('\r\n', '\n') + body],
    ['a null in a header', head(['X-A: \u0000', length]) + body],
    ['a chunk of negative size', head(['Transfer-Encoding: chunked']) + '-1\r\nx\r\n0\r\n\r\n'],
    ['a chunk larger than any number', head(['Transfer-Encoding: chunked']) + 'fffffffffffffffff\r\nx\r\n0\r\n\r\n'],
    ['two keys', head(['X-API-Key: other', length]) + body],
    ['two media types', head(['Content-Type: application/json', 'Content-Type: text/plain', length]) + body],
    ['two hosts', head(['Host: y', length]) + body],
  ])('are refused: %s', async (_title, request) => {
    const answer = await raw(request);
    expect(statuses(answer)).toEqual([400]);
    expect(answer.slice(answer.indexOf('\r\n\r\n') + 4)).toMatch(/^\{"error":"[^"]+"\}$/);
  });

  it('are refused without a host', async () => {
    expect(statuses(await raw(`GET ${PATHS.live} HTTP/1.1\r\n\r\n`))).toEqual([400]);
  });

  it('are never answered twice: what follows a refused head is not read as a request', async () => {
    const smuggled = `GET ${PATHS.live} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const answer = await raw(`${head(['Content-Length: 4', 'Transfer-Encoding: chunked'])}0\r\n\r\n${smuggled}`);
    expect(statuses(answer)).toEqual([400]);
  });

  it('stay on the protocol that they began with', async () => {
    const upgrade = head(
      ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'],
      `GET ${PATHS.live} HTTP/1.1`,
    );
    expect(statuses(await raw(upgrade)).some((code) => code === 101)).toBe(false);
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
    expect(statuses(await raw(preface))).toEqual([400]);
  });
});

describe('methods', () => {
  it.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'POST'])(
    '%s of a path that has not that one is 405',
    async (method) => {
      const answer = await raw(head(['Content-Length: 0', 'Connection: close'], `${method} ${PATHS.live} HTTP/1.1`));
      expect(statuses(answer)).toEqual([405]);
      expect(answer.toLowerCase()).toContain('allow: get, head');
    },
  );

  it('cannot be changed by a header', async () => {
    const answer = await server.app.inject({
      method: 'GET',
      url: PATHS.server,
      headers: { ...headers, 'x-http-method-override': 'DELETE', 'x-method-override': 'POST' },
    });
    expect(answer.statusCode).toBe(200);
  });

  it('make no proxy of the server', async () => {
    expect(statuses(await raw('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n'))).not.toContain(200);
    const absolute = await raw(head(['Connection: close'], `GET http://169.254.169.254/latest/meta-data HTTP/1.1`));
    expect(statuses(absolute)).toEqual([404]);
  });
});

describe('paths', () => {
  const tricks = [
    ...['/v2/../v2', '//v2', '/V2', '/v2/', '/v2;a=b', '/v2%2f', '/./v2', '/v2/models/demo/', '/v2//models/demo'],
    ...['/health/../v2', '/openapi.json/../v2', '/health;/../v2', '/v2/health/live/..%2f..%2fmodels%2fdemo'],
    ...[
      '/v2/models/demo%00',
      '/v2/models/..%2fdemo',
      '/v2/models/%2e%2e',
      '/v2/models/demo%2finfer',
      '/v2\\models\\demo',
    ],
    ...['/v2/models/demo?x-api-key=full-key', '/v2/models/demo?api_key=full-key&access_token=full-key'],
    ...['/v2/models/%u002e', '/metrics', '/debug', '/.env', '/server-status', '/v2/logging', '/v2/trace/setting'],
  ];

  it.each(tricks)('%s lead past no key', async (url) => {
    const answer = await raw(`GET ${url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(statuses(answer)).toHaveLength(1);
    expect([400, 401, 404]).toContain(statuses(answer)[0]);
  });

  const names = [
    '..',
    '.',
    '../demo',
    '..%2f..%2fetc%2fpasswd',
    'demo%00.onnx',
    '%2e%2e',
    'DEMO',
    'démo',
    'a'.repeat(127),
    '%0a',
  ];
  it.each(names)('the name %j leads to no file', async (name) => {
    for (const [method, url] of [
      ['GET', `/v2/models/${name}`],
      ['GET', `/v2/models/demo/versions/${name}`],
      ['POST', `/v2/repository/models/${name}/load`],
    ] as const) {
      const answer = await server.app.inject({ method, url, headers: { 'x-api-key': FULL_KEY } });
      expect([400, 404]).toContain(answer.statusCode);
    }
  });
});

describe('browsers', () => {
  it('get no permission to read from another page, and none to send with its cookies', async () => {
    const preflight = await server.app.inject({
      method: 'OPTIONS',
      url: infer,
      headers: { origin: 'https://evil.test', 'access-control-request-method': 'POST' },
    });
    expect(preflight.statusCode).toBe(405);
    const get = await server.app.inject({ url: PATHS.live, headers: { origin: 'https://evil.test' } });
    for (const answer of [preflight, get]) {
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
    const cookie = { cookie: `x-api-key=${FULL_KEY}; authorization=Bearer ${FULL_KEY}` };
    expect((await server.app.inject({ url: PATHS.server, headers: cookie })).statusCode).toBe(401);
  });

  it('are told to guess, embed, run and keep nothing, with every answer', async () => {
    for (const url of [PATHS.live, '/nothing', PATHS.server]) {
      expect((await server.app.inject({ url })).headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
        'cache-control': 'no-store',
      });
      expect((await server.app.inject({ url })).headers).not.toHaveProperty('server');
      expect((await server.app.inject({ url })).headers).not.toHaveProperty('x-powered-by');
    }
  });
});

describe('bodies that cost more than they say', () => {
  const padded = (bytes: number): string => JSON.stringify({ ...DEMO_REQUEST, id: 'a'.repeat(bytes) });

  it('may be compressed, within reason', async () => {
    expect((await post(gzipSync(body), { 'content-encoding': 'gzip' })).statusCode).toBe(200);
    expect((await post(deflateSync(body), { 'content-encoding': 'deflate' })).statusCode).toBe(200);
    expect((await post(gzipSync(body), { 'content-encoding': ' GZIP ' })).statusCode).toBe(200);
  });

  it('are refused when they grow to more than twenty times their length', async () => {
    for (const [encoding, payload] of [
      ['gzip', gzipSync(padded(4_000_000))],
      ['deflate', deflateSync(padded(4_000_000))],
    ] as const) {
      const answer = await post(payload, { 'content-encoding': encoding });
      expect([answer.statusCode, answer.headers[ERROR_CODE_HEADER]]).toEqual([413, 'LNMT8015']);
    }
  });

  it('are refused when they grow beyond the limit of plain ones', async () => {
    const small = await testServer({ maxRequestBytes: 50_000 });
    const payload = gzipSync(padded(60_000));
    const answer = await small.app.inject({
      ...{ method: 'POST', url: infer, payload },
      headers: { ...headers, 'content-encoding': 'gzip' },
    });
    expect(answer.statusCode).toBe(503);
    await small.load('model.onnx');
    const again = await small.app.inject({
      ...{ method: 'POST', url: infer, payload },
      headers: { ...headers, 'content-encoding': 'gzip' },
    });
    expect(again.statusCode).toBe(413);
    await small.app.close();
  });

  it.each([
    ['cut short', gzipSync(body).subarray(0, 20), 'gzip', 400],
    ['not compressed at all', Buffer.from(body), 'gzip', 400],
    ['compressed twice', gzipSync(gzipSync(body)), 'gzip, gzip', 415],
    ['of another encoding', Buffer.from(body), 'br', 415],
    ['of an encoding with a tail', gzipSync(body), 'gzip;q=1', 415],
  ])('are refused %s', async (_title, payload, encoding, code) => {
    expect((await post(payload, { 'content-encoding': encoding })).statusCode).toBe(code);
  });

  it('are not read to the end when their length says too much', async () => {
    const answer = await raw(head([`Content-Length: ${2 ** 40}`, 'Content-Type: application/json']));
    expect(statuses(answer)).toEqual([413]);
  });

  it('may come in many chunks, and not in more bytes than allowed', async () => {
    const chunks = [...body].map((letter) => `1\r\n${letter}\r\n`).join('');
    const typed = head(['Transfer-Encoding: chunked', 'Content-Type: application/json', 'Connection: close']);
    expect(statuses(await raw(`${typed}${chunks}0\r\n\r\n`))).toEqual([200]);
    const small = await testServer({ maxRequestBytes: 1024 });
    await small.load('model.onnx');
    await small.app.listen({ host: '127.0.0.1', port: 0 });
    const to = (small.app.server.address() as AddressInfo).port;
    expect(statuses(await raw(`${typed}${'1\r\na\r\n'.repeat(2000)}0\r\n\r\n`, to))).toEqual([413]);
    await small.app.close();
  });

  const input = DEMO_REQUEST.inputs[0];
  const many = Array.from({ length: 129 }, (_, index) => ({ ...input, name: `x${index}` }));
  it.each([
    ['nesting', `{"inputs":${'['.repeat(65)}${']'.repeat(65)}}`],
    ['a thousand levels', `${'['.repeat(100_000)}`],
    ['a shape whose product overflows', { inputs: [{ ...input, shape: [2 ** 31, 2 ** 31, 2 ** 31], data: [] }] }],
    [
      'a shape whose product is small again',
      { inputs: [{ ...input, shape: [4294967296, 4294967296, 2], data: [1, 2] }] },
    ],
    ['a shape of zeros', { inputs: [{ ...input, shape: [0, 2], data: [] }] }],
    ['a negative shape', { inputs: [{ ...input, shape: [-1, -2] }] }],
    ['a fraction of a shape', { inputs: [{ ...input, shape: [1.5, 2] }] }],
    ['too many axes', { inputs: [{ ...input, shape: Array<number>(17).fill(1) }] }],
    ['too many inputs', { inputs: many }],
    ['too many outputs', { ...DEMO_REQUEST, outputs: many.map(({ name }) => ({ name })) }],
    ['an output twice', { ...DEMO_REQUEST, outputs: [{ name: 'y' }, { name: 'y' }] }],
    ['prototype keys', '{"__proto__":{"inputs":[]},"inputs":[]}'],
    ['constructor keys', '{"constructor":{"prototype":{"x":1}},"inputs":[]}'],
    ['NaN', body.replace('2.5', 'NaN')],
    ['Infinity', body.replace('2.5', '-Infinity')],
    ['a number beyond all floats', body.replace('2.5', '1e999')],
    ['comments', `/* a */${body}`],
    ['two documents', `${body}${body}`],
    ['bytes that are not UTF-8', Buffer.concat([Buffer.from(body.slice(0, -1)), Buffer.from([0xff, 0x7d])])],
    ['a lone surrogate as text', { inputs: [{ ...input, datatype: 'BYTES', data: ['\\ud800'] }] }],
    ['shared memory', { inputs: [{ ...input, parameters: { shared_memory_region: '/dev/shm/x' } }] }],
  ])('are refused for %s', async (_title, payload) => {
    const before = server.backend.runs;
    const answer = await post(
      typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload),
    );
    expect(answer.statusCode).toBe(400);
    expect(server.backend.runs).toBe(before);
  });
});

describe('media types', () => {
  it.each([
    ...['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'],
    ...['application/json-patch+json', 'application/jsonx', 'application/json garbage', 'text/plain;application/json'],
    ...['application/x-java-serialized-object', 'application/octet-streamx', 'image/png'],
  ])('%s is refused, whatever the body is', async (type) => {
    const before = server.backend.runs;
    expect((await post(body, { 'content-type': type })).statusCode).toBe(415);
    expect(server.backend.runs).toBe(before);
  });
});

describe('answers', () => {
  const secrets =
    /\/(work|root|home|tmp|usr|app|etc)\/|\bat .+:\d+|node_modules|127\.0\.0\.1|localhost|Error:|\.ts\b|\.js\b|0x[0-9a-f]{6}/;

  it('tell of no path, host, stack or address, whatever is sent', async () => {
    server.backend.run = () =>
      Promise.reject(new Error('connect ECONNREFUSED 10.0.0.5:5432 at /app/dist/inference/x.js'));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'POST', 'PUT', 'OPTIONS'),
        fc.oneof(
          fc.constantFrom(infer, PATHS.server, '/v2/models/demo', '/v2/repository/index', '/v1/models'),
          fc.webPath(),
        ),
        fc.oneof(fc.constant(body), fc.json(), fc.string()),
        fc.constantFrom(FULL_KEY, 'wrong', 'infer-key'),
        async (method, url, payload, key) => {
          const answer = await server.app.inject({
            ...{ method: method as 'GET', url: url.startsWith('/') ? url : `/${url}` },
            headers: { ...headers, 'x-api-key': key },
            ...(method === 'GET' ? {} : { payload }),
          });
          if (answer.statusCode < 400) return;
          expect(answer.body).not.toMatch(secrets);
          expect(answer.body.length).toBeLessThan(700);
          expect(JSON.stringify(answer.headers)).not.toMatch(/node_modules|\.ts\b|\/app\//);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('write no line into the log that a caller made up', async () => {
    const evil = 'a%0a%7b%22level%22%3a%22fatal%22%7d';
    await server.app.inject({
      url: `/v2/models/${evil}`,
      headers: { ...headers, 'user-agent': 'x\\n{"level":"fatal"}' },
    });
    await post(JSON.stringify({ ...DEMO_REQUEST, id: 'x\n{"level":"fatal"}', inputs: [{ name: 'a\nb' }] }));
    for (const line of log) {
      expect(line.trimEnd()).not.toContain('\n');
      expect(JSON.parse(line)).not.toMatchObject({ level: 'fatal' });
    }
  });
});

describe('who is asked', () => {
  it('does not change with the headers of proxies', async () => {
    const limited = await testServer({ open: true, limits: { ratePerSecond: 1, rateBurst: 2 } });
    await limited.load('model.onnx');
    const ask = async (index: number): Promise<number> => {
      const address = `203.0.113.${index}`;
      const spoofed = {
        'x-forwarded-for': address,
        'x-real-ip': address,
        forwarded: `for=${address}`,
        'cf-connecting-ip': address,
      };
      return (await limited.app.inject({ url: PATHS.server, headers: spoofed })).statusCode;
    };
    expect([await ask(1), await ask(2), await ask(3), await ask(4)]).toEqual([200, 200, 429, 429]);
    await limited.app.close();
  });

  it('is told when to come back, and is alone in being slowed down', async () => {
    const limited = await testServer({ limits: { ratePerSecond: 1, rateBurst: 1 } });
    await limited.load('model.onnx');
    const ask = (key: string) => limited.app.inject({ url: PATHS.server, headers: { 'x-api-key': key } });
    await ask(FULL_KEY);
    const refused = await ask(FULL_KEY);
    expect([refused.statusCode, refused.headers['retry-after'], refused.headers[ERROR_CODE_HEADER]]).toEqual([
      ...[429, '1', 'LNMT8012'],
    ]);
    expect((await ask('read-key')).statusCode).toBe(200);
    expect((await limited.app.inject({ url: PATHS.ready })).statusCode).toBe(200);
    await limited.app.close();
  });

  it('holds no more connections than one address may', async () => {
    const limited = await testServer({ limits: { connectionsPerAddress: 3 } });
    for (const app of [limited.app, limited.metricsApp]) await app.listen({ host: '127.0.0.1', port: 0 });
    const portOf = ({ server }: TestServer['app']): number => (server.address() as AddressInfo).port;
    const to = portOf(limited.app);
    const open = () =>
      new Promise<net.Socket>((resolve) => {
        const socket = net.connect(to, '127.0.0.1', () => resolve(socket));
        socket.on('error', () => undefined);
      });
    const sockets = [await open(), await open(), await open(), await open(), await open()];
    const closed = await Promise.all(
      sockets.map((socket) =>
        Promise.race([new Promise((r) => socket.once('close', () => r(true))), delay(300, false)]),
      ),
    );
    expect(closed.filter(Boolean).length + sockets.filter(({ destroyed }) => destroyed).length).toBeGreaterThanOrEqual(
      2,
    );
    // Clients behind the address of a node may hold all that it is granted: its kubelet asks elsewhere.
    const alive = `http://127.0.0.1:${portOf(limited.metricsApp)}${PATHS.live}`;
    expect((await fetch(alive)).status).toBe(200);
    sockets.forEach((socket) => socket.destroy());
    await Promise.all([limited.app.close(), limited.metricsApp.close()]);
  });
});

describe('tenants', () => {
  let shared: TestServer;
  let issuer: TestIssuer;
  let client: GrpcClient;
  const TENANTS = ['red', 'blue'] as const;
  const tokens: Record<string, string> = {};

  beforeAll(async () => {
    issuer = await TestIssuer.start();
    const settings = { issuer: ISSUER, audience: AUDIENCE, algorithms: ['RS256'], scopesClaim: 'scope' };
    const policy = await CedarPolicy.create(
      `forbid (principal, action, resource is LNMT::Model)
         unless { principal.claims has tenant && principal.claims.tenant == "red" && resource.name == "demo" };`,
      'test',
    );
    shared = await testServer({
      open: true,
      graphql: true,
      access: { tokens: await JwtVerifier.create({ ...settings, jwksUri: issuer.jwksUri }), policy },
    });
    await shared.load('model.onnx');
    client = GrpcClient.inference(await shared.grpc.listen('127.0.0.1', 0));
    for (const tenant of TENANTS) {
      tokens[tenant] = await issuer.token({ sub: tenant, tenant, scope: 'infer read manage' });
    }
  });

  afterAll(async () => {
    client.close();
    shared.grpc.cut();
    await shared.app.close();
    await issuer.close();
  });

  const HTTP = [
    ['GET', modelPath('demo')],
    ['GET', modelPath('demo', '1')],
    ['GET', `${modelPath('demo')}/ready`],
    ['POST', infer],
    ['POST', inferPath('demo', '1')],
    ['POST', '/v2/repository/models/demo/load'],
  ] as const;

  it.each(HTTP)('see only their own models: %s %s', async (method, url) => {
    const ask = async (tenant: string): Promise<number> => {
      const authorized = { authorization: `Bearer ${tokens[tenant]}`, 'content-type': 'application/json' };
      const payload = method === 'POST' ? { payload: url.includes('repository') ? '{}' : body } : {};
      return (await shared.app.inject({ method, url, headers: authorized, ...payload })).statusCode;
    };
    expect([await ask('red'), await ask('blue')]).toEqual([200, 403]);
  });

  const GRPC = [
    ['ModelMetadata', { name: 'demo' }],
    ['ModelReady', { name: 'demo' }],
    ['RepositoryModelLoad', { model_name: 'demo' }],
    [
      'ModelInfer',
      {
        model_name: 'demo',
        inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [1, 2] } }],
      },
    ],
  ] as const;

  it.each(GRPC)('see only their own models over gRPC: %s', async (name, request) => {
    const as = (tenant: string) => ({ authorization: `Bearer ${tokens[tenant]}` });
    await client.call(name, request, as('red'));
    expect((await client.refused(name, request, as('blue'))).code).toBe(status.PERMISSION_DENIED);
  });

  it.each(['ModelStatistics', 'RepositoryIndex'])('are not shown models of others by %s', async (name) => {
    const told = async (tenant: string) =>
      JSON.stringify(await client.call(name, {}, { authorization: `Bearer ${tokens[tenant]}` }));
    expect([(await told('red')).includes('demo'), (await told('blue')).includes('demo')]).toEqual([true, false]);
  });

  it.each([
    ['GET', `${PATHS.models}/stats`],
    ['POST', `${PATHS.repository}/index`],
  ] as const)('are not shown models of others by %s %s', async (method, url) => {
    const told = async (tenant: string): Promise<[number, boolean]> => {
      const headers = { authorization: `Bearer ${tokens[tenant]}`, 'content-type': 'application/json' };
      const { statusCode, body } = await shared.app.inject({
        ...{ method, url, headers },
        ...(method === 'POST' ? { payload: '{}' } : {}),
      });
      return [statusCode, body.includes('demo')];
    };
    expect([await told('red'), await told('blue')]).toEqual([
      [200, true],
      [200, false],
    ]);
  });

  it.each(['{ modelStatistics }', '{ repository { name } }'])(
    'are not shown models of others by the field %s',
    async (query) => {
      const told = async (tenant: string): Promise<boolean> => {
        const headers = { authorization: `Bearer ${tokens[tenant]}`, 'content-type': 'application/json' };
        const payload = JSON.stringify({ query });
        const { statusCode, body } = await shared.app.inject({ method: 'POST', url: PATHS.graphql, headers, payload });
        expect([statusCode, body.includes('errors')]).toEqual([200, false]);
        return body.includes('demo');
      };
      expect([await told('red'), await told('blue')]).toEqual([true, false]);
    },
  );

  it('are held to the version that answers, however it was asked for', async () => {
    const policy = await CedarPolicy.create(
      `permit (principal, action, resource);
       forbid (principal, action, resource is LNMT::Model) when { resource has version && resource.version == "1" };`,
      'test',
    );
    const held = await testServer({ access: { policy }, graphql: true });
    await held.load('model.onnx');
    const before = held.backend.runs;
    const headers = { 'x-api-key': FULL_KEY, 'content-type': 'application/json' };
    const post = (url: string, payload: string) => held.app.inject({ method: 'POST', url, headers, payload });
    const { statusCode } = await post(inferPath('demo'), JSON.stringify(DEMO_REQUEST));
    expect(statusCode).toBe(403);
    const query = `{ infer(model: "demo", inputs: [{name: "x", datatype: FP32, shape: [1, 2], data: [1, 2]}]) { modelVersion } }`;
    expect((await post(PATHS.graphql, JSON.stringify({ query }))).body).toContain('LNMT8016');
    const remote = GrpcClient.inference(await held.grpc.listen('127.0.0.1', 0));
    const asked = {
      model_name: 'demo',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [1, 2] } }],
    };
    const { code } = await remote.refused('ModelInfer', asked, { 'x-api-key': FULL_KEY });
    expect(code).toBe(status.PERMISSION_DENIED);
    for (const what of ['', '/config', '/ready']) {
      expect((await held.app.inject({ url: `${modelPath('demo')}${what}`, headers })).statusCode, what).toBe(403);
    }
    for (const procedure of ['ModelMetadata', 'ModelConfig', 'ModelReady']) {
      const refused = await remote.refused(procedure, { name: 'demo' }, { 'x-api-key': FULL_KEY });
      expect(refused.code, procedure).toBe(status.PERMISSION_DENIED);
    }
    for (const field of ['model(name: "demo") { name }', 'modelConfig(name: "demo")', 'modelReady(name: "demo")']) {
      expect((await post(PATHS.graphql, JSON.stringify({ query: `{ ${field} }` }))).body, field).toContain('LNMT8016');
    }
    remote.close();
    held.grpc.cut();
    await held.app.close();
    expect(held.backend.runs).toBe(before);
  });

  it('are told of no version of a model that a policy keeps from them', async () => {
    const policy = await CedarPolicy.create(
      'forbid (principal, action, resource) when { resource has version && resource.version == "1" };',
      'test',
    );
    const held = await testServer({ access: { policy }, graphql: true });
    held.source.models['demo'] = ['1', '2'];
    await held.load('model.onnx');
    const headers = { 'x-api-key': FULL_KEY, 'content-type': 'application/json' };
    const remote = GrpcClient.inference(await held.grpc.listen('127.0.0.1', 0));
    const payload = JSON.stringify({ query: '{ model(name: "demo") { versions } }' });
    const graph = await held.app.inject({ method: 'POST', url: PATHS.graphql, headers, payload });
    expect([
      (await held.app.inject({ url: modelPath('demo'), headers })).json<{ versions: string[] }>().versions,
      (await remote.call('ModelMetadata', { name: 'demo' }, { 'x-api-key': FULL_KEY }))['versions'],
      graph.json<{ data: { model: { versions: string[] } } }>().data.model.versions,
    ]).toEqual([['2'], ['2'], ['2']]);
    remote.close();
    held.grpc.cut();
    await held.app.close();
  });

  it('learn nothing of models of others: those that exist and those that do not are refused alike', async () => {
    const ask = async (model: string) => {
      const answer = await shared.app.inject({
        url: modelPath(model),
        headers: { authorization: `Bearer ${tokens['blue']}` },
      });
      return [answer.statusCode, answer.body];
    };
    expect(await ask('demo')).toEqual(await ask('nothing'));
  });
});

describe('keys', () => {
  it.each([
    ['in the query', `${PATHS.server}?x-api-key=${FULL_KEY}`, {}],
    [
      'as basic authentication',
      PATHS.server,
      { authorization: `Basic ${Buffer.from(`x:${FULL_KEY}`).toString('base64')}` },
    ],
    ['with another letter case', PATHS.server, { 'x-api-key': FULL_KEY.toUpperCase() }],
    ['cut', PATHS.server, { 'x-api-key': FULL_KEY.slice(0, -1) }],
    ['with a tail', PATHS.server, { 'x-api-key': `${FULL_KEY} ` + 'x' }],
    ['as a list', PATHS.server, { 'x-api-key': `${FULL_KEY}, ${FULL_KEY}` }],
    ['without end', PATHS.server, { 'x-api-key': FULL_KEY.repeat(1000) }],
    ['as its digest', PATHS.server, { 'x-api-key': 'f'.repeat(64) }],
  ])('%s are none', async (_title, url, more) => {
    expect((await server.app.inject({ url, headers: more })).statusCode).toBe(401);
  });
});

describe('keys of an issuer', () => {
  let issuer: TestIssuer;
  afterEach(() => issuer.close());

  it('are not fetched from where a redirect leads', async () => {
    issuer = await TestIssuer.start();
    const settings = { issuer: ISSUER, audience: AUDIENCE, algorithms: ['RS256'], scopesClaim: 'scope' };
    const hop = net.createServer((socket) => {
      socket.once('data', () => {
        socket.end(
          `HTTP/1.1 302 Found\r\nLocation: ${issuer.jwksUri.href}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
        );
      });
    });
    await new Promise<void>((resolve) => hop.listen(0, '127.0.0.1', resolve));
    const jwksUri = new URL(`http://127.0.0.1:${(hop.address() as AddressInfo).port}/keys`);
    const verifier = await JwtVerifier.create({ ...settings, jwksUri });
    await expect(verifier.verify(await issuer.token(), Date.now())).rejects.toMatchObject({ code: 'LNMT8013' });
    expect(issuer.fetches).toBe(0);
    hop.close();
  });
});
