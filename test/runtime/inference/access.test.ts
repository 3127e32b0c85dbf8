import fs from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { API_KEYS_FILE, inferPath, modelPath, PATHS } from '../../../runtime/contract';
import { openAccess } from '../../../runtime/inference/access';
import type { OpenedAccess } from '../../../runtime/inference/access';
import { readConfig } from '../../../runtime/inference/config';
import { ApiKeySet } from '../../../runtime/shared/api-keys';
import type { AuditEntry } from '../../../runtime/shared/audit';
import { verifyAudit } from '../../../runtime/shared/audit';
import { JWT_LIMITS } from '../../../runtime/shared/jwt';
import { GrpcClient } from '../support/grpc-client';
import { AUDIENCE, ISSUER, TestIssuer } from '../support/issuer';
import { DEMO_REQUEST, FULL_KEY, KEYS, testServer } from '../support/server';
import type { TestServer } from '../support/server';
import { keyFile, temporaryFolder } from '../support/temporary';

const ENV = { LNMT_MODEL_NAME: 'demo', LNMT_MODEL_VERSION: '1', LNMT_MODEL_URI: 's3://bucket' };
const JWT = {
  LNMT_JWT_ISSUER: ISSUER,
  LNMT_JWT_AUDIENCE: AUDIENCE,
  LNMT_JWT_JWKS_URI: 'https://issuer.test/keys',
};
const TLS = { LNMT_TLS_CERT_FILE: 'c', LNMT_TLS_KEY_FILE: 'k' };
const log = pino({ level: 'silent' });

describe('settings of access', () => {
  it.each([
    [{ LNMT_AUTH: 'jwt,api-keys', ...JWT }, ['jwt', 'api-keys']],
    [{ LNMT_AUTH: 'jwt', ...JWT, LNMT_JWT_JWKS_URI: 'http://127.0.0.1:9/keys' }, ['jwt']],
    [{ LNMT_AUTH: 'mtls', ...TLS, LNMT_TLS_CLIENT_CA_FILE: 'a' }, ['mtls']],
  ])('may be %j', (env, auth) => {
    expect(readConfig({ ...ENV, ...env }).auth).toEqual(auth);
  });

  it.each([
    [{ LNMT_AUTH: 'jwt' }, ['LNMT_JWT_ISSUER', 'LNMT_JWT_AUDIENCE', 'LNMT_JWT_JWKS_URI']],
    [{ LNMT_AUTH: 'jwt', ...JWT, LNMT_JWT_JWKS_URI: 'http://issuer.test/keys' }, ['LNMT_JWT_JWKS_URI is not an https']],
    [
      { LNMT_AUTH: 'jwt', ...JWT, LNMT_JWT_JWKS_URI: 'https://a:b@issuer.test/' },
      ['LNMT_JWT_JWKS_URI is not an https'],
    ],
    [{ LNMT_AUTH: 'jwt', ...JWT, LNMT_JWT_JWKS_URI: 'file:///etc/keys' }, ['LNMT_JWT_JWKS_URI is not an https']],
    [{ LNMT_AUTH: 'jwt', ...JWT, LNMT_JWT_ALGORITHMS: 'RS256,HS256' }, ['LNMT_JWT_ALGORITHMS is "RS256,HS256"']],
    [{ LNMT_AUTH: 'jwt', ...JWT, LNMT_JWT_ALGORITHMS: 'none' }, ['LNMT_JWT_ALGORITHMS']],
    [{ LNMT_AUTH: 'none,api-keys' }, ['LNMT_AUTH is none,api-keys; none excludes the others']],
    [{ LNMT_AUTH: 'password' }, ['LNMT_AUTH is "password"']],
    [{ LNMT_AUTH: 'mtls' }, ['LNMT_TLS_CLIENT_CA_FILE is not set']],
    [{ LNMT_TLS_CERT_FILE: 'c' }, ['LNMT_TLS_CERT_FILE and LNMT_TLS_KEY_FILE go together']],
    [{ LNMT_TLS_CLIENT_CA_FILE: 'a' }, ['LNMT_TLS_CLIENT_CA_FILE is set without LNMT_TLS_CERT_FILE']],
    [{ LNMT_CALLER_CONCURRENCY: '0' }, ['LNMT_CALLER_CONCURRENCY']],
  ])('are refused as %j', (env, messages) => {
    for (const message of messages) expect(() => readConfig({ ...ENV, ...env })).toThrow(message);
  });
});

describe('limits in a key file', () => {
  const parse = (limits: unknown) =>
    ApiKeySet.parse(JSON.stringify({ keys: [{ id: 'a', sha256: '0'.repeat(64), scopes: ['infer'], limits }] }));

  it('are whole numbers with known names', () => {
    expect(() => parse({ ratePerSecond: 5, burst: 10, concurrency: 2, requestsPerDay: 1000 })).not.toThrow();
    for (const limits of [{ ratePerSecond: 0 }, { ratePerSecond: 1.5 }, { speed: 1 }, { burst: '5' }, [], 7]) {
      expect(() => parse(limits)).toThrow('LNMT8102');
    }
  });
});

describe('access from files', () => {
  let dir: string;
  let issuer: TestIssuer;
  let access: OpenedAccess;
  let server: TestServer;

  const file = (name: string, text: string): string => {
    fs.writeFileSync(path.join(dir, name), text);
    return path.join(dir, name);
  };
  const config = (env: Record<string, string>) =>
    readConfig({ ...ENV, ...JWT, LNMT_JWT_JWKS_URI: issuer.jwksUri.href, LNMT_API_KEYS_DIR: dir, ...env });

  beforeEach(async () => {
    dir = temporaryFolder();
    issuer = await TestIssuer.start();
    file(API_KEYS_FILE, keyFile(KEYS));
    const policy = file(
      'policy.cedar',
      'forbid (principal == LNMT::Caller::"mallory", action, resource);\n' +
        'forbid (principal == LNMT::Caller::"guest", action, resource)\n' +
        '  when { resource has version && resource.version == "1" };\n' +
        'permit (principal == LNMT::Caller::"operator", action in LNMT::Action::"manage", resource);',
    );
    const settings = config({
      ...{ LNMT_AUTH: 'api-keys,jwt', LNMT_JWT_SCOPES_CLAIM: 'realm_access.roles' },
      ...{ LNMT_AUDIT_FILE: path.join(dir, 'audit.jsonl'), LNMT_POLICY_FILE: policy },
    });
    access = await openAccess(settings, log);
    server = await testServer({ access });
    await server.load('model.onnx');
  });

  afterEach(async () => {
    vi.useRealTimers();
    server.grpc.cut();
    await server.app.close();
    await issuer.close();
    fs.rmSync(dir, { recursive: true, force: true });
  });

  const infer = async (headers: Record<string, string>): Promise<number> => {
    const answer = await server.app.inject({ method: 'POST', url: inferPath('demo'), headers, payload: DEMO_REQUEST });
    return answer.statusCode;
  };
  const bearer = async (claims: Record<string, unknown>): Promise<Record<string, string>> => ({
    authorization: `Bearer ${await issuer.token({ scope: undefined, ...claims })}`,
  });

  it('takes keys and tokens beside one another, and scopes from where the claim is', async () => {
    expect(await infer({ 'x-api-key': FULL_KEY })).toBe(200);
    expect(await infer(await bearer({ realm_access: { roles: ['infer'] } }))).toBe(200);
    expect(await infer(await bearer({ realm_access: { roles: ['read'] } }))).toBe(403);
    expect(await infer(await bearer({ scope: 'infer' }))).toBe(403);
    expect(await infer(await bearer({ realm_access: { roles: ['infer'] }, exp: 1 }))).toBe(401);
    expect(await infer({ authorization: 'Bearer a.b.c' })).toBe(401);
    await access.close();
  });

  it('lets policies say more and less than scopes', async () => {
    expect(await infer(await bearer({ sub: 'mallory', realm_access: { roles: ['infer'] } }))).toBe(403);
    const headers = await bearer({ sub: 'operator' });
    const index = await server.app.inject({ method: 'POST', url: `${PATHS.repository}/index`, headers });
    expect([index.statusCode, await infer(headers)]).toEqual([200, 403]);
    await access.close();
  });

  it('shows statistics of the versions that a policy allows, and of no other', async () => {
    const shown = async (sub: string): Promise<readonly number[]> => {
      const headers = await bearer({ sub, realm_access: { roles: ['read'] } });
      const paths = [`${PATHS.models}/stats`, `${modelPath('demo')}/stats`];
      const answers = await Promise.all(paths.map((url) => server.app.inject({ url, headers })));
      return answers.map((answer) => answer.json<{ model_stats: object[] }>().model_stats.length);
    };
    expect([await shown('friend'), await shown('guest')]).toEqual([
      [1, 1],
      [0, 0],
    ]);
    const headers = await bearer({ sub: 'guest', realm_access: { roles: ['read'] } });
    expect((await server.app.inject({ url: `${modelPath('demo', '1')}/stats`, headers })).statusCode).toBe(403);
    await access.close();
  });

  it('writes down who did what and how it ended, over every transport, and nothing of what was sent', async () => {
    await infer({ 'x-api-key': FULL_KEY });
    await infer({ 'x-api-key': 'wrong' });
    await infer(await bearer({ sub: 'mallory', realm_access: { roles: ['infer'] } }));
    await server.app.inject({ url: modelPath('demo', '1'), headers: { 'x-api-key': FULL_KEY } });
    await server.app.inject({ url: PATHS.ready });
    const client = GrpcClient.inference(await server.grpc.listen('127.0.0.1', 0));
    await client.call('ModelReady', { name: 'demo', version: '1' }, { 'x-api-key': 'read-key' });
    await client.refused('ModelReady', { name: 'demo' }, { 'x-api-key': 'infer-key' });
    client.close();
    await access.close();
    const text = fs.readFileSync(path.join(dir, 'audit.jsonl'), 'utf8');
    expect(verifyAudit(text)).toMatchObject({ ok: true });
    const entries = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as AuditEntry);
    expect(entries.map(({ caller, operation, transport, outcome }) => [caller, operation, transport, outcome])).toEqual(
      [
        ['api-key full', 'ModelInfer', 'http', '200'],
        ['anonymous', 'ModelInfer', 'http', '401'],
        ['jwt mallory', 'ModelInfer', 'http', '403'],
        ['api-key full', 'ModelMetadata', 'http', '200'],
        ['api-key read', 'ModelReady', 'grpc', 'OK'],
        ['api-key infer', 'ModelReady', 'grpc', 'PERMISSION_DENIED'],
      ],
    );
    expect(entries[3]).toMatchObject({ model: 'demo', version: '1' });
    expect(entries[4]).toMatchObject({ model: 'demo', version: '1' });
    // A time may hold the digits of a value.
    const told = JSON.stringify(entries.map((entry) => ({ ...entry, time: undefined })));
    for (const secret of [FULL_KEY, '2.5', 'eyJ', 'FP32']) expect(told).not.toContain(secret);
  });

  it('moves the audit log aside when it has the size of the settings, and keeps the files that they say', async () => {
    await access.close();
    const file = path.join(dir, 'rotated.jsonl');
    const sizes = { LNMT_AUDIT_FILE_BYTES: '1048576', LNMT_AUDIT_FILES: '2' };
    const opened = await openAccess(config({ LNMT_AUDIT_FILE: file, ...sizes }), log);
    for (let index = 0; index < 12_000; index++) {
      const event = { caller: 'a', operation: 'ModelInfer', transport: 'http', outcome: '200', request: `r-${index}` };
      opened.audit?.record(event);
      if (index % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await opened.close();
    const aside = fs.readdirSync(dir).filter((name) => name.startsWith('rotated.jsonl.'));
    expect(aside).toHaveLength(1);
    expect(fs.statSync(path.join(dir, aside[0] ?? '')).size).toBeLessThanOrEqual(1_048_576);
    await (await openAccess(config({ LNMT_AUDIT_FILE: file, ...sizes }), log)).close();
  });

  it('answers holders of tokens at once while the issuer hangs, as long as its keys are known', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const claims = { realm_access: { roles: ['infer'] }, exp: Math.floor(Date.now() / 1000) + 3_600 };
    const headers = await bearer(claims);
    expect(await infer(headers)).toBe(200);
    issuer.hangs = true;
    vi.setSystemTime(Date.now() + JWT_LIMITS.cacheMs + 1);
    const begun = performance.now();
    expect([await infer(headers), await infer(headers)]).toEqual([200, 200]);
    expect(performance.now() - begun).toBeLessThan(JWT_LIMITS.timeoutMs / 2);
    vi.useRealTimers();
    await access.close();
  });

  it('is refused where a file is wrong, with a code', async () => {
    await access.close();
    await expect(openAccess(config({ LNMT_POLICY_FILE: path.join(dir, 'none') }), log)).rejects.toThrow('LNMT8104');
    await expect(openAccess(config({ LNMT_POLICY_FILE: file('bad', 'permit ((') }), log)).rejects.toThrow('LNMT8104');
    const broken = file('broken.jsonl', '{"seq":1}\n');
    await expect(openAccess(config({ LNMT_AUDIT_FILE: broken }), log)).rejects.toThrow('LNMT8105');
    const tls = { LNMT_TLS_CERT_FILE: path.join(dir, 'none'), LNMT_TLS_KEY_FILE: path.join(dir, 'none') };
    await expect(openAccess(config(tls), log)).rejects.toThrow('LNMT8107');
  });
});
