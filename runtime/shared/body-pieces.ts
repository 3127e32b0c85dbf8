import fp from 'fastify-plugin';
import { badRequest } from './errors';
import { leaveUnread } from './parting';

/** Pieces that a body may come in whatever their size, and the bytes that each beyond those has to have in the mean. */
export const PIECES = { most: 4_096, bytes: 32 } as const;

/**
 * Refuses a body that comes in crumbs: each piece costs the same time and a hundred bytes of memory, however short it is.
 * Register it after everything that replaces the stream of a body.
 */
export const bodyPiecesPlugin = fp(
  async (app) => {
    // Without waiting: the stream begins to flow here, and its reader has to be there in the same turn.
    app.addHook('preParsing', (request, _reply, payload, done) => {
      let pieces = 0;
      let bytes = 0;
      const count = (piece: Uint8Array): void => {
        pieces += 1;
        bytes += piece.length;
        if (pieces <= PIECES.most || bytes >= pieces * PIECES.bytes) return;
        request.raw.off('data', count);
        request.raw.emit('error', badRequest('the body comes in too many small pieces'));
        leaveUnread(request.raw);
      };
      request.raw.on('data', count);
      done(null, payload);
    });
  },
  { name: 'lnmt-body-pieces', fastify: '5.x', dependencies: ['lnmt-errors', 'lnmt-decompression'] },
);
