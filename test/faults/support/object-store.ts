import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

/** What a store does instead of answering. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'cut'; readonly after: number }
  | { readonly kind: 'silence'; readonly ms: number }
  | { readonly kind: 'flip'; readonly at: number }
  | { readonly kind: 'whole' };

/** One request that the store saw. */
export interface Seen {
  readonly at: number;
  readonly file: string;
  /** First byte that was asked for. */
  readonly start: number;
  readonly fault: Fault['kind'] | undefined;
}

/**
 * A store of objects over HTTP with the files of a folder: plain, and as a bucket of S3 (`/bucket/key`, ranges, errors in
 * XML). It misbehaves when it is told to.
 */
export class ObjectStore {
  readonly seen: Seen[] = [];
  /** While true there is nothing in it. */
  hidden = false;
  private readonly faults: { readonly suffix: string; readonly fault: Fault; times: number }[] = [];

  private constructor(
    private readonly dir: string,
    private readonly server: http.Server,
  ) {}

  /** Serves a folder. */
  static async start(dir: string): Promise<ObjectStore> {
    const server = http.createServer();
    const store = new ObjectStore(dir, server);
    server.on('request', (request, response) => void store.answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return store;
  }

  /** URL of the root. */
  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Misbehaves for the next so many requests for files that end like this. */
  fail(suffix: string, fault: Fault, times: number): void {
    this.faults.push({ suffix, fault, times });
  }

  /** Forgets all faults and what it saw. */
  reset(): void {
    this.faults.length = 0;
    this.seen.length = 0;
  }

  /** Stops. */
  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const file = decodeURIComponent(url.pathname)
      .replace(/^\/bucket(?=\/)/, '')
      .replace(/^\/+/, '');
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (url.searchParams.has('list-type')) {
      // Nothing is listed: versions are named, and have their manifest.
      response.writeHead(200, { 'content-type': 'application/xml' });
      return void response.end('<?xml version="1.0"?><ListBucketResult></ListBucketResult>');
    }
    if (this.hidden) return this.refuse(response, 404, 'NoSuchKey');
    const waiting = this.faults.find(({ suffix, times }) => times > 0 && file.endsWith(suffix));
    if (waiting) waiting.times -= 1;
    const fault = waiting?.fault;
    this.seen.push({ at: performance.now(), file, start, fault: fault?.kind });
    if (fault?.kind === 'status') return this.refuse(response, fault.status, 'InternalError');
    if (fault?.kind === 'silence') await new Promise((resolve) => setTimeout(resolve, fault.ms));
    const full = path.join(this.dir, file);
    if (!path.resolve(full).startsWith(this.dir) || !fs.existsSync(full))
      return this.refuse(response, 404, 'NoSuchKey');
    const all = fs.readFileSync(full);
    if (fault?.kind === 'flip') all[fault.at] = (all[fault.at] ?? 0) ^ 1;
    const from = fault?.kind === 'whole' ? 0 : start;
    const bytes = all.subarray(from);
    const range = from > 0 ? { 'content-range': `bytes ${from}-${all.length - 1}/${all.length}` } : {};
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length, etag: '"x"', ...range });
    if (fault?.kind !== 'cut') return void response.end(bytes);
    response.write(bytes.subarray(0, fault.after), () => setTimeout(() => response.destroy(), 50));
  }

  private refuse(response: http.ServerResponse, status: number, code: string): void {
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`);
  }
}
