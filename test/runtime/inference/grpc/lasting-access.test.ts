import fs from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import { status } from '@grpc/grpc-js';
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAccess } from '../../../../runtime/inference/access';
import type { OpenedAccess } from '../../../../runtime/inference/access';
import { readConfig } from '../../../../runtime/inference/config';
import { API_KEYS_FILE } from '../../../../runtime/contract';
import type { AuditEntry } from '../../../../runtime/shared/audit';
import { verifyAudit } from '../../../../runtime/shared/audit';
import { JWT_LIMITS } from '../../../../runtime/shared/jwt';
import { GrpcClient, metadataOf } from '../../support/grpc-client';
import { AUDIENCE, ISSUER, TestIssuer } from '../../support/issuer';
import { FULL_KEY, KEYS, testServer } from '../../support/server';
import type { TestServer } from '../../support/server';
import { keyFile, temporaryFolder } from '../../support/temporary';

const asked = (id: string, model = 'demo'): object => ({
  ...{ model_name: model, id },
  inputs: [{ name: 'x', datatype: 'FP32', shape: ['1', '2'], contents: { fp32_contents: [1, 2] } }],
});

interface Told {
  readonly error_message: string;
  readonly infer_response: { readonly id: string };
}

let dir: string;
let issuer: TestIssuer;
let access: OpenedAccess;
let server: TestServer;
let client: GrpcClient;

const keys = (entries: readonly object[]): void =>
  fs.writeFileSync(path.join(dir, API_KEYS_FILE), keyFile(entries as typeof KEYS));

beforeEach(async () => {
  dir = temporaryFolder();
  issuer = await TestIssuer.start();
  keys(KEYS);
  const config = readConfig({
    ...{ LNMT_MODEL_NAME: 'demo', LNMT_MODEL_VERSION: '1', LNMT_MODEL_URI: 's3://bucket' },
    ...{ LNMT_JWT_ISSUER: ISSUER, LNMT_JWT_AUDIENCE: AUDIENCE, LNMT_JWT_JWKS_URI: issuer.jwksUri.href },
    ...{ LNMT_AUTH: 'api-keys,jwt', LNMT_API_KEYS_DIR: dir, LNMT_AUDIT_FILE: path.join(dir, 'audit.jsonl') },
  });
  access = await openAccess(config, pino({ level: 'silent' }));
  server = await testServer({ access, maxConcurrency: 100 });
  await server.load('model.onnx');
  client = GrpcClient.inference(await server.grpc.listen('127.0.0.1', 0));
});

afterEach(async () => {
  client.close();
  server.grpc.cut();
  await server.app.close();
  await issuer.close();
  fs.rmSync(dir, { recursive: true, force: true });
});

interface Stream {
  readonly told: Told[];
  readonly ended: Promise<ServiceError | undefined>;
  readonly call: ClientDuplexStream<object, Told>;
}

function open(headers: Record<string, string>): Stream {
  const method = Reflect.get(client.raw, 'ModelStreamInfer') as (
    ...args: unknown[]
  ) => ClientDuplexStream<object, Told>;
  const call = method.call(client.raw, metadataOf(headers));
  const told: Told[] = [];
  call.on('data', (answer: Told) => told.push(answer));
  const ended = new Promise<ServiceError | undefined>((resolve) => {
    call.on('error', resolve).on('end', () => resolve(undefined));
  });
  return { call, told, ended };
}

/** Asks until the stream ends, a few times a second. */
async function untilEnded({ call, ended }: Stream, id: string): Promise<ServiceError | undefined> {
  const timer = setInterval(() => call.write(asked(id)), 100);
  const error = await ended;
  clearInterval(timer);
  return error;
}

async function audited(): Promise<readonly AuditEntry[]> {
  await access.audit?.close();
  const text = fs.readFileSync(path.join(dir, 'audit.jsonl'), 'utf8');
  expect(verifyAudit(text)).toMatchObject({ ok: true });
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditEntry);
}

describe('an open stream', () => {
  it('ends when its key is taken away, with every answer before that', async () => {
    const stream = open({ 'x-api-key': FULL_KEY });
    stream.call.write(asked('a'));
    await expect.poll(() => stream.told.length).toBe(1);
    keys(KEYS.slice(1));
    const error = await untilEnded(stream, 'b');
    expect([error?.code, error?.details]).toEqual([status.UNAUTHENTICATED, 'a valid API key or token is needed']);
    expect(error?.metadata.get('x-error-code')).toEqual(['LNMT8001']);
    expect(stream.told.every(({ error_message: message }) => message === '')).toBe(true);
    expect(server.backend.runs).toBe(stream.told.length);
    const entries = (await audited()).filter(({ operation }) => operation === 'ModelInfer');
    expect(entries.at(-1)).toMatchObject({ caller: 'api-key full', outcome: 'UNAUTHENTICATED' });
  });

  it('ends when its key runs out', async () => {
    const expires = new Date(Date.now() + 2_500).toISOString();
    keys([{ id: 'short', key: 'short-key', scopes: ['infer'], expires }]);
    const headers = { 'x-api-key': 'short-key' };
    await expect
      .poll(
        () =>
          client.call('ModelInfer', asked('q'), headers).then(
            () => true,
            () => false,
          ),
        { timeout: 2_400 },
      )
      .toBe(true);
    const stream = open(headers);
    stream.call.write(asked('a'));
    await expect.poll(() => stream.told.length).toBe(1);
    expect((await untilEnded(stream, 'b'))?.code).toBe(status.UNAUTHENTICATED);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expires));
  });

  it('ends when its token runs out', async () => {
    // What clocks may differ is given to tokens on top.
    const exp = Math.floor(Date.now() / 1000) - JWT_LIMITS.clockToleranceSeconds + 2;
    const stream = open({ authorization: `Bearer ${await issuer.token({ exp })}` });
    stream.call.write(asked('a'));
    await expect.poll(() => stream.told.length).toBe(1);
    expect(stream.told[0]?.error_message).toBe('');
    expect((await untilEnded(stream, 'b'))?.code).toBe(status.UNAUTHENTICATED);
  });

  it('is held to the scopes that its key has by now', async () => {
    const stream = open({ 'x-api-key': FULL_KEY });
    stream.call.write(asked('a'));
    await expect.poll(() => stream.told.length).toBe(1);
    keys([{ id: 'full', key: FULL_KEY, scopes: ['read'] }]);
    const last = (): string | undefined => {
      stream.call.write(asked('b'));
      return stream.told.at(-1)?.error_message;
    };
    await expect.poll(last, { interval: 100 }).toBe("[LNMT8002] the caller lacks the scope 'infer'");
    stream.call.end();
    expect(await stream.ended).toBeUndefined();
  });
});

describe('the audit log', () => {
  it('never has a name that is none, of whomever it comes', async () => {
    const long = 'm'.repeat(5 * 2 ** 20);
    for (const key of [FULL_KEY, 'read-key']) {
      for (const request of [asked('a', long), { ...asked('a'), model_version: long }, { ...asked('a'), id: long }]) {
        const error = await client.refused('ModelInfer', request, { 'x-api-key': key });
        expect(error.code).toBe(status.INVALID_ARGUMENT);
        expect(error.metadata.get('x-error-code')).toEqual(['LNMT8201']);
      }
      await client.refused('ModelMetadata', { name: long }, { 'x-api-key': key });
      const stream = open({ 'x-api-key': key });
      stream.call.end(asked('a', long));
      await stream.ended;
    }
    await client.refused('RepositoryModelLoad', { model_name: long }, { 'x-api-key': FULL_KEY });
    const entries = await audited();
    expect(entries.length).toBeGreaterThanOrEqual(11);
    for (const entry of entries) expect(JSON.stringify(entry).length).toBeLessThan(1_000);
  });
});
