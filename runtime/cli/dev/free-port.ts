import net from 'node:net';
import type { AddressInfo } from 'node:net';

/**
 * A port that nobody listens on: the preferred one when it is free, else one that the system chooses.
 *
 * @throws Error where the system gives none, with its words
 */
export async function freePort(host: string, preferred = 0): Promise<number> {
  const found = await tryPort(host, preferred);
  if (typeof found === 'number') return found;
  const other = await tryPort(host, 0);
  if (typeof other === 'number') return other;
  throw other;
}

function tryPort(host: string, port: number): Promise<number | Error> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', resolve);
    server.listen({ host, port, exclusive: true }, () => {
      const { port: found } = server.address() as AddressInfo;
      server.close(() => resolve(found));
    });
  });
}
