import net from 'node:net';
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import { expect, it } from 'vitest';
import { drainPlugin } from '../../../runtime/shared/drain';
import { HealthState } from '../../../runtime/shared/health';

/** Far below the minute that Node gives a connection for its first headers. */
const SOON_MS = 8_000;

it('a connection that nothing was asked on keeps no server from ending, and one in use is answered', async () => {
  const app = fastify({ forceCloseConnections: 'idle' });
  const health = new HealthState(() => true);
  await app.register(drainPlugin, { health });
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
