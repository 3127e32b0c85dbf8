import type { Server } from 'node:net';
import { addressGroup } from './caller-limits';

/**
 * Ends connections beyond so many from one address as soon as they are made. Call it before anything else listens for
 * connections, and pass over those that are destroyed.
 *
 * @param most 0 sets no limit
 */
export function capConnections(server: Pick<Server, 'on'>, most: number): void {
  if (most === 0) return;
  const open = new Map<string, number>();
  server.on('connection', (socket) => {
    const address = addressGroup(socket.remoteAddress ?? '');
    const count = (open.get(address) ?? 0) + 1;
    if (count > most) return void socket.destroy();
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
  });
}
