import http from 'node:http';
import { portOf } from './listening';

/** What one try to deliver brought. */
export interface Delivery {
  readonly key: string;
  readonly authorization: string | undefined;
  readonly records: readonly Readonly<Record<string, unknown>>[];
}

/** A collector of telemetry that answers as a test says. */
export class Collector {
  /** Status of its answers; undefined cuts the connection after it took the records. */
  status: number | undefined = 200;
  retryAfter: string | undefined;
  readonly deliveries: Delivery[] = [];
  private readonly server: http.Server;

  private constructor() {
    this.server = http.createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const lines = Buffer.concat(chunks).toString('utf8').trimEnd().split('\n');
        const { status } = this;
        if (status === undefined || status < 300) {
          const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
          const { authorization } = request.headers;
          this.deliveries.push({ key: String(request.headers['idempotency-key']), authorization, records });
        }
        if (status === undefined) return void request.socket.destroy();
        response.writeHead(status, this.retryAfter === undefined ? {} : { 'retry-after': this.retryAfter }).end();
      });
    });
  }

  /** A collector at a port; 0 is any. */
  static async start(port = 0): Promise<Collector> {
    const collector = new Collector();
    await new Promise<void>((resolve) => collector.server.listen(port, '127.0.0.1', resolve));
    return collector;
  }

  get port(): number {
    return portOf(this.server);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/ingest`;
  }

  /** Records of all deliveries, each key taken once, as a collector that goes by it has them. */
  get records(): readonly Readonly<Record<string, unknown>>[] {
    return [...new Map(this.deliveries.map((each) => [each.key, each.records])).values()].flat();
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
