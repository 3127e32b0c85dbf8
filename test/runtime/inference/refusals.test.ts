import type { IncomingMessage } from 'node:http';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inferPath, METRICS } from '../../../runtime/contract';
import { ModelError } from '../../../runtime/inference/errors';
import { PIECES } from '../../../runtime/shared/body-pieces';
import { DEMO_REQUEST, FULL_KEY, testServer } from '../support/server';
import type { TestServer } from '../support/server';

const HEAD = `POST ${inferPath('demo')} HTTP/1.1\r\nhost: x\r\nx-api-key: ${FULL_KEY}\r\ncontent-type: application/json\r\n`;
const MIB = 2 ** 20;

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

afterAll(() => server.app.close());

/** Sends everything without a pause and gives the status of the answer; undefined when the connection ended without one. */
function statusOf(...chunks: readonly (string | Buffer)[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const socket = net.connect(port, '127.0.0.1', () => chunks.forEach((chunk) => socket.write(chunk)));
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]));
  });
}

describe('a body that is refused before it was whole', () => {
  it('is answered, however fast its client goes on sending', async () => {
    for (let turn = 0; turn < 25; turn += 1) {
      const status = await statusOf(`${HEAD}content-length: ${2 ** 30}\r\n\r\n`, Buffer.alloc(MIB, 0x20));
      expect(status).toBe('413');
    }
  });

  it('is answered when it grows too much while it is decompressed', async () => {
    const member = gzipSync(Buffer.alloc(16 * MIB), { level: 9 });
    const bomb = Buffer.concat(Array.from({ length: 64 }, () => member));
    const head = `${HEAD}content-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`;
    expect(await statusOf(head, bomb)).toBe('413');
  });

  it('is refused when it comes in crumbs, after a number of them, and none of the others is kept', async () => {
    const crumbs = '1\r\n \r\n'.repeat(4 * PIECES.most);
    let refused: IncomingMessage | undefined;
    server.app.server.once('request', (request: IncomingMessage) => (refused = request));
    expect(await statusOf(`${HEAD}transfer-encoding: chunked\r\n\r\n`, crumbs)).toBe('400');
    expect(refused?.readableLength).toBe(0);
  });

  it('is no fault of the server when its client leaves', async () => {
    log.length = 0;
    for (const more of ['', 'content-encoding: gzip\r\n']) {
      const socket = net.connect(port, '127.0.0.1', () =>
        socket.write(`${HEAD}${more}content-length: 500\r\n\r\n{"inp`),
      );
      await delay(100);
      socket.destroy();
    }
    await delay(200);
    expect(log.filter((line) => line.includes('LNMT8010'))).toEqual([]);
  });

  it('in a few pieces is taken', async () => {
    const body = JSON.stringify(DEMO_REQUEST);
    const pieces = [...body].map((letter) => `1\r\n${letter}\r\n`).join('');
    const text = `${HEAD}connection: close\r\ntransfer-encoding: chunked\r\n\r\n${pieces}0\r\n\r\n`;
    expect(await statusOf(text)).toBe('200');
  });
});

it('holds no more gRPC connections than one address may', async () => {
  const limited = await testServer({ limits: { connectionsPerAddress: 3 } });
  const to = await limited.grpc.listen('127.0.0.1', 0);
  const sockets = Array.from({ length: 8 }, () => net.connect(to, '127.0.0.1').on('error', () => undefined));
  await delay(500);
  expect(sockets.filter(({ destroyed, readableEnded }) => !destroyed && !readableEnded)).toHaveLength(3);
  sockets.forEach((socket) => socket.destroy());
  limited.grpc.cut();
  await limited.app.close();
});

it('counts loads that fail, by the code of the error', async () => {
  const failing = await testServer();
  await failing.load('model.onnx');
  failing.source.failure = new ModelError('LNMT8308', 'the disk is full', true);
  const load = (name: string): Promise<unknown> =>
    failing.app.inject({
      method: 'POST',
      url: `/v2/repository/models/${name}/load`,
      headers: { 'x-api-key': FULL_KEY },
    });
  await load('demo');
  await load('invented');
  const text = await failing.registry.getSingleMetricAsString(METRICS.modelLoadFailures.name);
  expect(text).toContain('{model="demo",code="LNMT8308"} 1');
  expect(text).not.toContain('invented');
  await failing.app.close();
});
