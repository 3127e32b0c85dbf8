import fp from 'fastify-plugin';
import type { HealthState } from './health';

/** While draining, every answer asks its client to close the connection, so that none is idle when the listener goes. */
export const drainPlugin = fp<{ readonly health: HealthState }>(
  async (app, { health }) => {
    app.addHook('onSend', async (_request, reply) => {
      if (health.phase === 'draining') void reply.header('connection', 'close');
    });
  },
  { name: 'lnmt-drain', fastify: '5.x' },
);
