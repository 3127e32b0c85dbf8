import fs from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { credentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PATHS } from '../../../runtime/contract';
import { ClientCertificates } from '../../../runtime/shared/client-certificates';
import { readTls } from '../../../runtime/shared/tls';
import { TestAuthority } from '../support/certificates';
import type { Certified } from '../support/certificates';
import { GrpcClient } from '../support/grpc-client';
import { FULL_KEY, testServer } from '../support/server';
import type { TestServer } from '../support/server';
import { temporaryFolder } from '../support/temporary';

const authority = new TestAuthority('authority');
const stranger = new TestAuthority('authority');
const own = authority.issue('server', ['DNS:localhost', 'IP:127.0.0.1']);
const robot = authority.issue('robot', ['URI:spiffe://test/ns/ml/sa/robot']);
const PART = 'URI:spiffe://test/ns/ml/sa/robot';
const twisted = authority.issue('mallory', [`DNS:x, ${PART}, y`]);
const quoting = authority.issue('mallory', [`DNS:x", ${PART}, DNS:"y`]);
const forged = stranger.issue('robot', ['URI:spiffe://test/ns/ml/sa/robot']);

let server: TestServer;
let port: number;
let grpcPort: number;

const pem = (text: string): Buffer => Buffer.from(text);

beforeAll(async () => {
  const tls = { cert: pem(own.cert), key: pem(own.key), ca: pem(authority.cert) };
  server = await testServer({ access: { tls, certificates: new ClientCertificates(['infer', 'read']) } });
  await server.load('model.onnx');
  await server.app.listen({ host: '127.0.0.1', port: 0 });
  port = (server.app.server.address() as AddressInfo).port;
  grpcPort = await server.grpc.listen('127.0.0.1', 0);
});

afterAll(async () => {
  server.grpc.cut();
  await server.app.close();
});

function get(url: string, client?: Certified, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: url, ca: authority.cert, headers, agent: false, ...client };
    https
      .get(options, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      })
      .on('error', reject);
  });
}

describe('a client certificate', () => {
  it('says who calls, within the scopes that holders have', async () => {
    expect(await get(PATHS.server, robot)).toBe(200);
    expect(await get('/v2/models/demo', robot)).toBe(200);
  });

  it('is not needed for health, nor where a key is sent', async () => {
    expect(await get(PATHS.ready)).toBe(200);
    expect(await get(PATHS.server, undefined, { 'x-api-key': FULL_KEY })).toBe(200);
  });

  it('of another authority of the same name is none, and neither is no certificate', async () => {
    expect(await get(PATHS.server, forged)).toBe(401);
    expect(await get(PATHS.server)).toBe(401);
  });

  it('is not another when a name of it holds that of the other', async () => {
    expect([await get(PATHS.server, twisted), await get(PATHS.server, quoting)]).toEqual([401, 401]);
  });

  it('does not make good a wrong key', async () => {
    expect(await get(PATHS.server, robot, { 'x-api-key': 'wrong' })).toBe(401);
  });

  it('says who calls over gRPC, and is demanded there', async () => {
    const channel = ({ cert, key }: Certified) => credentials.createSsl(pem(authority.cert), pem(key), pem(cert));
    const client = GrpcClient.inference(grpcPort, channel(robot));
    expect(await client.call('ServerMetadata', {})).toMatchObject({ name: 'lnmt-inference' });
    const other = GrpcClient.inference(grpcPort, channel(forged));
    expect((await other.refused('ServerLive', {})).code).toBe(status.UNAVAILABLE);
    const plain = GrpcClient.inference(grpcPort);
    expect((await plain.refused('ServerLive', {})).code).toBe(status.UNAVAILABLE);
    [client, other, plain].forEach((each) => each.close());
  });
});

describe('TLS', () => {
  it('is spoken from version 1.2 on', async () => {
    const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await expect(get(PATHS.live, { ...robot, ...old })).rejects.toThrow();
  });

  it('is refused with files that are absent or do not fit together', () => {
    const dir = temporaryFolder();
    const file = (name: string, text: string): string => {
      fs.writeFileSync(path.join(dir, name), text);
      return path.join(dir, name);
    };
    const tlsCertFile = file('cert.pem', own.cert);
    const tlsKeyFile = file('key.pem', own.key);
    expect(readTls({ tlsCertFile, tlsKeyFile })).toMatchObject({ cert: pem(own.cert) });
    expect(readTls({})).toBeUndefined();
    expect(() => readTls({ tlsCertFile, tlsKeyFile: path.join(dir, 'none') })).toThrow(
      /^LNMT8107: the TLS files cannot be used: .*none cannot be read \(ENOENT\)$/,
    );
    expect(() => readTls({ tlsCertFile, tlsKeyFile: file('other.pem', robot.key) })).toThrow('do not fit together');
    fs.rmSync(dir, { recursive: true });
  });
});
