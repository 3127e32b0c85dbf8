import type { FastifyReply } from 'fastify';

/** Fires when the client leaves before its answer. */
export function departure(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}
