import type { FastifyInstance } from 'fastify';
import { PATHS } from '../../contract';

/** The description of the routes: open to anyone, as it says nothing of models or callers. */
export function descriptionRoutes(describe: () => object): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    let text: string | undefined;
    app.get(PATHS.openapi, (_request, reply) => {
      text ??= JSON.stringify(describe());
      return reply.type('application/json').send(text);
    });
  };
}
