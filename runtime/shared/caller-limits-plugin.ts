import fp from 'fastify-plugin';
import type { CallerLimiter } from './caller-limits';
import { capConnections } from './connection-cap';
import { whenOver } from './when-over';

/** Options of {@link callerLimitsPlugin}. */
export interface CallerLimitsPluginOptions {
  readonly limiter: CallerLimiter;
  /** Open connections from one address; 0 sets no limit. */
  readonly connectionsPerAddress: number;
}

/** Holds every caller to its rate, its concurrency and its quota, and every address to its connections. */
export const callerLimitsPlugin = fp<CallerLimitsPluginOptions>(
  async (app, { limiter, connectionsPerAddress }) => {
    app.addHook('onRequest', (request, reply, done) => {
      const { access } = request.routeOptions.config;
      if (access !== undefined && access !== 'public') {
        whenOver(reply, limiter.enter(request.principal, request.ip));
      }
      done();
    });
    capConnections(app.server, connectionsPerAddress);
  },
  { name: 'lnmt-caller-limits', fastify: '5.x', dependencies: ['lnmt-auth'] },
);
