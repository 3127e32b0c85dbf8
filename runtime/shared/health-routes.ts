import type { FastifyInstance, FastifyReply } from 'fastify';
import { PATHS } from '../contract';
import type { HealthState } from './health';

/** Health paths: open to anyone, and never waiting for anything. */
export function healthRoutes(health: HealthState): (app: FastifyInstance) => Promise<void> {
  const config = { access: 'public' } as const;
  const answer = (reply: FastifyReply, name: string, truth: boolean): FastifyReply =>
    reply.code(truth ? 200 : 503).send({ [name]: truth });
  return async (app) => {
    app.get(PATHS.live, { config }, (_request, reply) => answer(reply, 'live', health.live));
    app.get(PATHS.startup, { config }, (_request, reply) => answer(reply, 'started', health.started));
    for (const path of [PATHS.ready, PATHS.health]) {
      app.get(path, { config }, (_request, reply) => answer(reply, 'ready', health.ready));
    }
  };
}
