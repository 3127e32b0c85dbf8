import type { Socket } from 'node:net';
import { HTTP_LIMITS } from '../../shared/limits';

/** Bytes that a connection sends in the same time although nobody reads: pings and settings. */
const IDLE_BYTES = 4_096;

/**
 * Ends connections whose client asks and does not read. An answer waits in the window of its stream, where nothing bounds
 * its time: while it waits, its connection has to move.
 */
export class StalledCalls {
  private readonly sockets = new Map<string, Socket>();

  /** @param patienceMs for a client to take more of its answers */
  constructor(private readonly patienceMs: number = HTTP_LIMITS.stallTimeout) {}

  /** Takes a connection in until it ends. */
  add(socket: Socket): void {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    this.sockets.set(peer, socket);
    socket.once('close', () => {
      if (this.sockets.get(peer) === socket) this.sockets.delete(peer);
    });
  }

  /** An answer is on its way to a peer, as `address:port`. Call what it returns when it is out, once or more often. */
  begin(peer: string): () => void {
    const socket = this.sockets.get(peer);
    if (socket === undefined) return () => undefined;
    let sent = socket.bytesWritten;
    const timer = setInterval(() => {
      const moved = socket.bytesWritten - sent;
      sent = socket.bytesWritten;
      if (moved > IDLE_BYTES) return;
      clearInterval(timer);
      socket.destroy();
    }, this.patienceMs);
    timer.unref();
    return () => clearInterval(timer);
  }
}
