import net from 'node:net';
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { expect, it } from 'vitest';
import { drainPlugin } from '../../../runtime/shared/drain';
import { errorPlugin } from '../../../runtime/shared/error-plugin';
import { HealthState } from '../../../runtime/shared/health';
import { OpenRequests } from '../../../runtime/shared/open-requests';

/** Far below the minute that Node gives a connection for its first headers. */
const SOON_MS = 8_000;

async function draining(): Promise<{ app: FastifyInstance; health: HealthState; open: OpenRequests }> {
  const app = fastify({ forceCloseConnections: 'idle' });
  const health = new HealthState(() => true);
  const open = new OpenRequests();
  await app.register(errorPlugin, { maxRequestBytes: 1_000_000 });
  await app.register(drainPlugin, { health, open, modelOf: ({ params }) => (params as { name?: string }).name });
  return { app, health, open };
}

it('a connection that nothing was asked on keeps no server from ending, and one in use is answered', async () => {
  const { app, health } = await draining();
  let answer: () => void = () => undefined;
  app.get('/slow', () => new Promise((resolve) => (answer = () => resolve('done'))));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const unused = net.connect(port, '127.0.0.1');
  await new Promise((resolve) => unused.once('connect', resolve));
  const dropped = new Promise((resolve) => unused.once('close', resolve));
  unused.on('error', () => undefined);
  const asked = fetch(`http://127.0.0.1:${port}/slow`).then((each) => each.text());
  await expect
    .poll(() => new Promise((resolve) => app.server.getConnections((_error, count) => resolve(count))))
    .toBe(2);
  await expect.poll(() => String(answer)).toContain('resolve');
  const began = performance.now();
  health.markDraining();
  const closed = app.close();
  await dropped;
  answer();
  expect(await asked).toBe('done');
  await closed;
  expect(performance.now() - began).toBeLessThan(SOON_MS);
});

it('what is open when the time is over is answered 503 and told, also while its body is on its way', async () => {
  const { app, health, open } = await draining();
  let answer: () => void = () => undefined;
  app.post('/models/:name', () => new Promise((resolve) => (answer = () => resolve('done'))));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const asked = fetch(`http://127.0.0.1:${port}/models/demo`, { method: 'POST' });
  const unfinished = net.connect(port, '127.0.0.1');
  unfinished.write('POST /models/other HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\nab');
  let text = '';
  unfinished.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = new Promise((resolve) => unfinished.once('close', resolve));
  await expect.poll(() => open.size).toBe(2);
  health.markDraining();
  const closed = app.close();
  const told = open.cut();
  expect(told.map(({ route, model }) => [route, model]).sort()).toEqual([
    ['POST /models/:name', 'demo'],
    ['POST /models/:name', 'other'],
  ]);
  expect(new Set(told.map(({ id }) => id)).size).toBe(2);
  const response = await asked;
  const { headers } = response;
  expect(response.status).toBe(503);
  expect([headers.get('retry-after'), headers.get('connection'), headers.get('x-error-code')]).toEqual([
    '1',
    'close',
    'LNMT8004',
  ]);
  expect(await response.json()).toEqual({ error: 'the server is draining; repeat later' });
  await ended;
  expect(text).toMatch(/^HTTP\/1\.1 503 [^]*"the server is draining; repeat later"/);
  await closed;
  answer();
  expect(open.size).toBe(0);
});
