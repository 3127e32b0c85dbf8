import type { IncomingMessage } from 'node:http';

/** For the answer to a refused request to reach its client, in milliseconds, before the connection ends. */
const PARTING_MS = 1_000;

/**
 * Lets the connection of a request that is refused before it was whole end in two steps. A connection that is closed while
 * bytes of its client are unread is reset, and the client may never see the answer.
 */
export function partGently({ socket }: IncomingMessage): void {
  socket.destroySoon = () => {
    socket.end();
    setTimeout(() => socket.destroy(), PARTING_MS).unref();
  };
}

/** Reads no more of a body that is refused: what else its client sends costs nothing. */
export function leaveUnread(request: IncomingMessage): void {
  request.pause();
  // Pieces that came in the same turn would be kept until the connection ends: ten thousand crumbs in 64 KiB, 2 MiB.
  request.push = () => false;
  partGently(request);
}
