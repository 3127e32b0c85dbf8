import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { PATHS } from '../../../runtime/contract';
import { send } from './traffic';

const PROBE_MS = 250;
const SOCKETS = 64;

interface Target {
  readonly port: number;
  ready: boolean;
  readonly agent: http.Agent;
}

/** Headers without those that are meant for one connection only. */
function withoutHop(headers: http.IncomingHttpHeaders): http.IncomingHttpHeaders {
  const hop = ['connection', 'keep-alive'];
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !hop.includes(name)));
}

/**
 * A load balancer as there are many: it asks each server for readiness now and then, sends to those that said yes, keeps
 * connections, and repeats nothing.
 */
export class Balancer {
  private targets: Target[] = [];
  private next = 0;
  private readonly timer = setInterval(() => void this.probe(), PROBE_MS);

  private constructor(private readonly server: http.Server) {}

  /** Listens on a free port. */
  static async start(): Promise<Balancer> {
    const server = http.createServer({ keepAlive: true });
    const balancer = new Balancer(server);
    server.on('request', (request, response) => balancer.forward(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return balancer;
  }

  /** Port of the balancer. */
  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Takes a server in; it gets requests once it says that it is ready. */
  add(port: number): void {
    this.targets.push({ port, ready: false, agent: new http.Agent({ keepAlive: true, maxSockets: SOCKETS }) });
  }

  /** Takes a server out that has ended. */
  remove(port: number): void {
    for (const target of this.targets) if (target.port === port) target.agent.destroy();
    this.targets = this.targets.filter((target) => target.port !== port);
  }

  /** Servers that get requests now. */
  get ready(): number {
    return this.targets.filter(({ ready }) => ready).length;
  }

  /** Whether a server gets requests now. */
  isReady(port: number): boolean {
    return this.targets.some((target) => target.port === port && target.ready);
  }

  /** Stops. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    for (const { agent } of this.targets) agent.destroy();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async probe(): Promise<void> {
    await Promise.all(
      this.targets.map(async (target) => {
        const { outcome } = await send({ port: target.port, path: PATHS.ready, timeoutMs: 5_000 });
        target.ready = outcome === '200';
      }),
    );
  }

  private forward(request: http.IncomingMessage, response: http.ServerResponse): void {
    const ready = this.targets.filter((target) => target.ready);
    const target = ready[this.next++ % Math.max(1, ready.length)];
    if (target === undefined) return void response.writeHead(502).end('no server');
    const headers = withoutHop(request.headers);
    const options = { host: '127.0.0.1', port: target.port, path: request.url, method: request.method };
    const onward = http.request({ ...options, headers, agent: target.agent }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, withoutHop(answer.headers));
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    onward.on('error', (error: NodeJS.ErrnoException) => {
      if (!response.headersSent) response.writeHead(502);
      response.end(error.code ?? 'error');
    });
    request.pipe(onward);
  }
}
