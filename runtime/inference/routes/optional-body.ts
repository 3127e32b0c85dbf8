import type { FastifyInstance, FastifyRequest } from 'fastify';
import { INLINE_MOST, parseJson } from '../tensors/json';

/** Takes JSON or nothing: clients send what needs no body with any media type, or with none. */
export function takeOptionalJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: FastifyRequest, body: Buffer) =>
    body.length === 0 ? undefined : parseJson(body, { most: INLINE_MOST }),
  );
}
