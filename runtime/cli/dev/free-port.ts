import net from 'node:net';

/** A port that nobody listens on: the preferred one when it is free, else one that the system chooses. */
export async function freePort(host: string, preferred = 0): Promise<number> {
  const found = await tryPort(host, preferred);
  if (found !== undefined) return found;
  const other = await tryPort(host, 0);
  if (other === undefined) throw new Error(`no port of ${host} is free`);
  return other;
}

function tryPort(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : undefined));
    });
  });
}
