import fp from 'fastify-plugin';
import { addressGroup } from './caller-limits';
import type { CallerLimiter } from './caller-limits';
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
    app.addHook('onRequest', async (request, reply) => {
      const { access } = request.routeOptions.config;
      if (access === undefined || access === 'public') return;
      whenOver(reply, limiter.enter(request.principal, request.ip));
    });
    if (connectionsPerAddress === 0) return;
    const open = new Map<string, number>();
    app.server.on('connection', (socket) => {
      const address = addressGroup(socket.remoteAddress ?? '');
      const count = (open.get(address) ?? 0) + 1;
      if (count > connectionsPerAddress) return void socket.destroy();
      open.set(address, count);
      socket.once('close', () => {
        const left = (open.get(address) ?? 1) - 1;
        if (left === 0) open.delete(address);
        else open.set(address, left);
      });
    });
  },
  { name: 'lnmt-caller-limits', fastify: '5.x', dependencies: ['lnmt-auth'] },
);
