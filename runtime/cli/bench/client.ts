import http from 'node:http';
import https from 'node:https';
import type { Send } from './load';
import { NO_ANSWER } from './record';
import type { Outcome } from './record';

/** A request that is repeated. */
export interface BenchRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Where requests go. */
export interface ClientOptions {
  readonly url: URL;
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Taken in turn. */
  readonly requests: readonly BenchRequest[];
  readonly timeoutMs: number;
  /** Connections at once. */
  readonly maxSockets: number;
}

function retryAfterOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d{1,6}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** Sends requests over connections that are kept. */
export class LoadClient {
  private readonly agent: http.Agent | https.Agent;
  private readonly open: typeof http.request;

  constructor(private readonly options: ClientOptions) {
    const kind = options.url.protocol === 'https:' ? https : http;
    this.agent = new kind.Agent({ keepAlive: true, maxSockets: options.maxSockets });
    this.open = kind.request;
  }

  /** Sends the so-manieth request and reads the answer to its end. */
  readonly send: Send = (index) => {
    const { url, headers, requests, timeoutMs } = this.options;
    const { headers: own, body } = requests[index % requests.length] ?? { headers: {}, body: new Uint8Array() };
    return new Promise<Outcome>((resolve) => {
      const all = { ...headers, ...own, 'content-length': body.byteLength };
      const request = this.open(url, { method: 'POST', headers: all, agent: this.agent }, (response) => {
        const { statusCode: status = 0 } = response;
        const retryAfterMs =
          status === 429 || status === 503 ? retryAfterOf(response.headers['retry-after']) : undefined;
        response.once('end', () => end({ status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }));
        response.once('error', () => end({ status: NO_ANSWER.connection }));
        response.resume();
      });
      const timer = setTimeout(() => {
        end({ status: NO_ANSWER.timeout });
        request.destroy();
      }, timeoutMs);
      const end = (outcome: Outcome): void => {
        clearTimeout(timer);
        resolve(outcome);
      };
      request.once('error', () => end({ status: NO_ANSWER.connection }));
      request.end(body);
    });
  };

  /** Closes the connections. */
  close(): void {
    this.agent.destroy();
  }
}
