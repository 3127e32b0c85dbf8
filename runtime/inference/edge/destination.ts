import http from 'node:http';
import https from 'node:https';
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { guardedLookup } from '../models/guarded-http';
import type { FileFollower } from '../../shared/file-follower';
import type { PeerTlsMaterial } from './peer-tls';

const CONNECT_MS = 5_000;

/** How sending failed: before there was a connection, after it, too late, or because nobody waits. */
export type SendFailure = 'unconnected' | 'broken' | 'timeout' | 'cancelled' | 'too-large';

/** Nothing came back that could be read to its end. */
export class SendError extends Error {
  constructor(
    readonly kind: SendFailure,
    cause?: unknown,
  ) {
    super(`sending failed: ${kind}`, { cause });
    this.name = 'SendError';
  }
}

/** What is sent. */
export interface Sending {
  readonly method: 'GET' | 'POST';
  /** Path below the URL of the destination, escaped. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | undefined;
  /** Milliseconds until the last byte of the answer. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Most bytes of the answer. */
  readonly maxBytes: number;
}

/** What came back, whatever its status. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What is in files that are followed. */
type Followed<T> = Pick<FileFollower<T>, 'current' | 'refused' | 'close'>;

/** How a destination is reached. */
export interface DestinationOptions {
  readonly url: URL;
  /** Most connections. */
  readonly connections: number;
  /** Credential that is sent as a bearer token. @default - none */
  readonly secret?: Followed<string> | undefined;
  /** @default - the public authorities, and no certificate of one's own */
  readonly tls?: Followed<PeerTlsMaterial> | undefined;
}

/** One other server: always the host of its URL, never where an answer points to. */
export class Destination {
  private agent: http.Agent;
  /** What the agent opens connections with. */
  private material: PeerTlsMaterial | undefined;
  private readonly base: string;

  constructor(private readonly options: DestinationOptions) {
    this.material = options.tls?.current;
    this.agent = this.newAgent();
    this.base = options.url.pathname.replace(/\/+$/, '');
  }

  /** Whether its files hold what was not taken, of those that it follows. */
  get refused(): { readonly tls: boolean | undefined; readonly secret: boolean | undefined } {
    const { tls, secret } = this.options;
    return { tls: tls?.refused, secret: secret?.refused };
  }

  /** Sends and waits for the whole answer. @throws SendError */
  send(sending: Sending): Promise<Reply> {
    const { timeoutMs, signal, body } = sending;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(new SendError('cancelled'));
      const request = this.open(sending);
      let connected = false;
      const end = (): void => {
        for (const timer of timers) clearTimeout(timer);
        signal?.removeEventListener('abort', leave);
      };
      const fail = (kind: SendFailure, cause?: unknown): void => {
        end();
        request.destroy();
        reject(new SendError(kind, cause));
      };
      const leave = (): void => fail('cancelled');
      const timers = [
        setTimeout(() => fail('timeout'), timeoutMs),
        setTimeout(() => connected || fail('unconnected', new Error('no connection in time')), CONNECT_MS),
      ];
      signal?.addEventListener('abort', leave, { once: true });
      whenConnected(request, () => (connected = true));
      request.on('error', (error) => fail(connected ? 'broken' : 'unconnected', error));
      request.on('response', (answer) => {
        collect(answer, sending.maxBytes).then(
          (content) => {
            end();
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: content });
          },
          (error: unknown) => fail(error instanceof SendError ? error.kind : 'broken', error),
        );
      });
      request.end(body);
    });
  }

  /** Ends its connections. */
  close(): void {
    this.options.tls?.close();
    this.options.secret?.close();
    this.agent.destroy();
  }

  private newAgent(): http.Agent {
    const { url, connections } = this.options;
    const keep = { keepAlive: true, maxSockets: connections, scheduling: 'lifo' } as const;
    if (url.protocol !== 'https:') return new http.Agent(keep);
    return new https.Agent({ ...keep, ...this.material, minVersion: 'TLSv1.2' });
  }

  /** Its connections, and the sessions that they could resume, are those of the certificate that is shown now. */
  private currentAgent(): http.Agent {
    const material = this.options.tls?.current;
    if (material === this.material) return this.agent;
    const old = this.agent;
    this.material = material;
    this.agent = this.newAgent();
    old.maxFreeSockets = 0;
    for (const idle of Object.values(old.freeSockets)) for (const socket of idle ?? []) socket.destroy();
    return this.agent;
  }

  private open({ method, path, headers, body }: Sending): ClientRequest {
    const { url, secret } = this.options;
    const isTls = url.protocol === 'https:';
    return (isTls ? https : http).request({
      ...{ method, path: `${this.base}${path}` || '/', agent: this.currentAgent() },
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? undefined : Number(url.port),
      lookup: guardedLookup({ privateAllowed: true }),
      headers: {
        ...headers,
        ...(body === undefined ? {} : { 'content-length': String(body.byteLength) }),
        ...(secret === undefined ? {} : { authorization: `Bearer ${secret.current}` }),
      },
    });
  }
}

/** Calls back once bytes of the request may have left: before that, nothing was asked. */
function whenConnected(request: ClientRequest, connected: () => void): void {
  request.once('socket', (socket) => {
    if (request.reusedSocket || !socket.connecting) connected();
    else socket.once('encrypted' in socket ? 'secureConnect' : 'connect', connected);
  });
}

function collect(answer: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    answer.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) reject(new SendError('too-large'));
      else chunks.push(chunk);
    });
    answer.on('end', () => resolve(Buffer.concat(chunks)));
    answer.on('error', reject);
    answer.on('close', () => reject(new Error('the answer broke off')));
  });
}
