import type { FastifyInstance } from 'fastify';
import { PATHS } from '../../contract';
import { docsPage } from '../docs/page';

/** The description of the routes, and a page that shows it: open to anyone, as they say nothing of models or callers. */
export function descriptionRoutes(describe: () => object): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    let text: string | undefined;
    const { html, policy } = docsPage();
    app.get(PATHS.docs, (_request, reply) =>
      reply.type('text/html; charset=utf-8').header('content-security-policy', policy).send(html),
    );
    app.get(PATHS.openapi, (_request, reply) => {
      text ??= JSON.stringify(describe());
      return reply.type('application/json').send(text);
    });
  };
}
