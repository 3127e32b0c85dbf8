import fs from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { credentials, status } from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { METRICS, PATHS } from '../../../runtime/contract';
import { openAccess } from '../../../runtime/inference/access';
import { readConfig } from '../../../runtime/inference/config';
import { ClientCertificates } from '../../../runtime/shared/client-certificates';
import type { FileFollower } from '../../../runtime/shared/file-follower';
import { TlsFollower } from '../../../runtime/shared/tls-follower';
import { TestAuthority } from '../support/certificates';
import type { Certified } from '../support/certificates';
import { GrpcClient } from '../support/grpc-client';
import { FULL_KEY, testServer } from '../support/server';
import type { TestServer } from '../support/server';
import { mountFiles, temporaryFolder } from '../support/temporary';

const authority = new TestAuthority('authority');
const next = new TestAuthority('next');
const NAMES = ['DNS:localhost', 'IP:127.0.0.1'];
const [first, second] = [authority.issue('first', NAMES), authority.issue('second', NAMES)];
const SPIFFE = ['URI:spiffe://test/robot'];
const [robot, later] = [authority.issue('robot', SPIFFE), next.issue('robot', SPIFFE)];

const [CERT, KEY, CA] = ['tls.crt', 'tls.key', 'ca.crt'];
const filesOf = ({ cert, key }: Certified, ca = authority): Record<string, string> => ({
  ...{ [CERT]: cert, [KEY]: key, [CA]: ca.cert },
});

describe('a server whose certificate is renewed', () => {
  let dir: string;
  let follower: TlsFollower;
  let server: TestServer;
  let port: number;
  let grpcPort: number;
  let lines: string[];
  let revision = 0;
  /** Whether the last request went over a connection that was there. */
  let reused = false;

  const mount = (files: Record<string, string>): void => mountFiles(dir, files, ++revision);
  const poll = (): void => (Reflect.get(follower, 'follower') as FileFollower<unknown>).poll();
  const log = {
    info: (_: object, text: string) => lines.push(text),
    error: (_: object, text: string) => lines.push(text),
  };
  const logged = (text: string): number => lines.filter((line) => line === text).length;
  const valueOf = async (series: string): Promise<number> => {
    const text = await server.registry.metrics();
    const line = text.split('\n').find((each) => each.startsWith(`${series} `));
    return Number(line?.slice(series.length) ?? 0);
  };
  const counted = (outcome: string): Promise<number> => valueOf(`${METRICS.tlsReloads.name}{outcome="${outcome}"}`);
  /** Whether what is in the files is refused, as alerts see it. */
  const refused = async (): Promise<number> => {
    await server.refresh();
    return valueOf(`${METRICS.filesRefused.name}{files="tls"}`);
  };

  beforeEach(async () => {
    [dir, lines] = [temporaryFolder(), []];
    mount(filesOf(first));
    const [tlsCertFile, tlsKeyFile, tlsClientCaFile] = [CERT, KEY, CA].map((name) => path.join(dir, name));
    const opened = TlsFollower.open({ tlsCertFile, tlsKeyFile, tlsClientCaFile }, log as never);
    if (opened === undefined) throw new Error('no files');
    follower = opened;
    const certificates = new ClientCertificates(['infer', 'read']);
    const access = { tls: follower.current, tlsChanges: follower, followed: { tls: follower }, certificates };
    server = await testServer({ access });
    await server.load('model.onnx');
    await server.app.listen({ host: '127.0.0.1', port: 0 });
    port = (server.app.server.address() as AddressInfo).port;
    grpcPort = await server.grpc.listen('127.0.0.1', 0);
  });

  afterEach(async () => {
    follower.close();
    server.grpc.cut();
    await server.app.close();
    fs.rmSync(dir, { recursive: true, force: true });
  });

  /** Common name of the certificate that is shown on a port. */
  const shown = (on: number, client: Certified = robot): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: on, ca: authority.cert, ALPNProtocols: ['h2', 'http/1.1'], ...client };
      const socket = tls.connect(options, () => {
        resolve(socket.getPeerCertificate().subject.CN);
        socket.destroy();
      });
      socket.on('error', reject);
    });

  const get = (client?: Certified, agent: https.Agent | false = false, key?: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = key === undefined ? {} : { 'x-api-key': key };
      const options = { host: '127.0.0.1', port, path: PATHS.server, ca: authority.cert, agent, headers, ...client };
      const request = https.get(options, (answer) => {
        reused = request.reusedSocket;
        answer.resume().on('end', () => setImmediate(resolve, answer.statusCode ?? 0));
      });
      request.on('error', reject);
    });

  it('shows the new one to those who connect from then on, over HTTP and gRPC', async () => {
    expect([await shown(port), await shown(grpcPort)]).toEqual(['first', 'first']);
    poll();
    expect(lines).toEqual([]);
    mount(filesOf(second));
    poll();
    expect([await shown(port), await shown(grpcPort)]).toEqual(['second', 'second']);
    expect([lines, await counted('changed'), await counted('failed')]).toEqual([['TLS certificate reloaded'], 1, 0]);
    expect(await get(robot)).toBe(200);
  });

  it('goes on with connections that are open', async () => {
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    expect([await get(robot, agent), reused]).toEqual([200, false]);
    mount(filesOf(second));
    poll();
    expect([await get(robot, agent), reused]).toEqual([200, true]);
    agent.destroy();
  });

  const broken: readonly (readonly [string, Record<string, string>])[] = [
    ['a key that belongs to another certificate', { ...filesOf(second), [KEY]: first.key }],
    ['half a certificate', { ...filesOf(second), [CERT]: second.cert.slice(0, 200) }],
    ['an empty key', { ...filesOf(second), [KEY]: '' }],
    [
      'authorities that are none',
      { ...filesOf(second), [CA]: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' },
    ],
  ];

  it.each(broken)('keeps the old one beside %s, says so once, and takes the next good one', async (_what, files) => {
    mount(files);
    poll();
    poll();
    expect([await shown(port), await shown(grpcPort)]).toEqual(['first', 'first']);
    expect(logged('TLS certificate not reloaded, the last good one stays')).toBe(1);
    expect([await counted('changed'), await counted('failed'), await refused()]).toEqual([0, 1, 1]);
    mount(filesOf(second));
    poll();
    expect([await shown(port), await shown(grpcPort), await refused()]).toEqual(['second', 'second', 0]);
  });

  it('keeps the old one where files are gone', async () => {
    fs.rmSync(path.join(dir, '..data'));
    poll();
    expect([await shown(port), await shown(grpcPort)]).toEqual(['first', 'first']);
    expect(await counted('failed')).toBe(1);
  });

  it('takes new authorities of clients, and the old ones no more', async () => {
    expect([await get(robot), await get(later)]).toEqual([200, 401]);
    mount(filesOf(first, next));
    poll();
    expect([await get(robot), await get(later), await get(undefined, false, FULL_KEY)]).toEqual([401, 200, 200]);
    const channel = ({ cert, key }: Certified) =>
      credentials.createSsl(Buffer.from(authority.cert), Buffer.from(key), Buffer.from(cert));
    const client = GrpcClient.inference(grpcPort, channel(later));
    expect(await client.call('ServerMetadata', {})).toMatchObject({ name: 'lnmt-inference' });
    const old = GrpcClient.inference(grpcPort, channel(robot));
    expect((await old.refused('ServerLive', {})).code).toBe(status.UNAVAILABLE);
    [client, old].forEach((each) => each.close());
  });
});

describe('the TLS files of the settings', () => {
  it('are followed by themselves until access is closed', { timeout: 20_000 }, async () => {
    const dir = temporaryFolder();
    mountFiles(dir, filesOf(first), 1);
    const model = { LNMT_MODEL_NAME: 'demo', LNMT_MODEL_VERSION: '1', LNMT_MODEL_URI: 's3://bucket' };
    const files = { LNMT_TLS_CERT_FILE: path.join(dir, CERT), LNMT_TLS_KEY_FILE: path.join(dir, KEY) };
    const config = readConfig({ ...model, ...files, LNMT_AUTH: 'none' });
    const access = await openAccess(config, pino({ level: 'silent' }));
    const told: string[] = [];
    access.tlsChanges?.onChange(({ cert }) => told.push(cert.toString()));
    expect(access.tls?.cert.toString()).toBe(first.cert);
    expect(Object.keys(access.followed ?? {})).toEqual(['tls']);
    mountFiles(dir, filesOf(second), 2);
    await expect.poll(() => told).toEqual([second.cert]);
    await access.close();
    mountFiles(dir, filesOf(first), 3);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(told).toHaveLength(1);
    fs.rmSync(dir, { recursive: true });
  });
});
