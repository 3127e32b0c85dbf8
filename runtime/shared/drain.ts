import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import type { HealthState } from './health';

/** Milliseconds that a connection without any request is left after the listener closed: one may be on its way. */
const UNUSED_MS = 500;

/**
 * Ends connections that nothing was ever asked on, as load balancers hold them ready. Node counts them as busy until
 * the time for their first headers is over, so that the server would wait for them instead of ending.
 */
function endUnused(app: FastifyInstance): void {
  const unused = new Set<Socket>();
  const opened = (socket: Socket): void => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  };
  const isSecure = 'setSecureContext' in app.server;
  app.server.on(isSecure ? 'secureConnection' : 'connection', opened);
  app.server.on('request', ({ socket }: IncomingMessage) => unused.delete(socket));
  app.addHook('preClose', async () => {
    const end = (): void => unused.forEach((socket) => void socket.destroy());
    setTimeout(end, UNUSED_MS).unref();
  });
}

/** While draining, every answer asks its client to close the connection, so that none is idle when the listener goes. */
export const drainPlugin = fp<{ readonly health: HealthState }>(
  async (app, { health }) => {
    endUnused(app);
    app.addHook('onSend', (_request, reply, payload, done) => {
      if (health.phase === 'draining') void reply.header('connection', 'close');
      done(null, payload);
    });
  },
  { name: 'lnmt-drain', fastify: '5.x' },
);
