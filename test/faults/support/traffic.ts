import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { KEY } from './servers';
import { quantile } from './stats';

/** What became of one request. */
export interface Reply {
  /** Status, or the code of the error that ended it: `ECONNRESET`. */
  readonly outcome: string;
  readonly body: string;
  /** Milliseconds from the moment at which it was to be sent. */
  readonly ms: number;
  /** Milliseconds from the moment at which it was sent. */
  readonly serviceMs: number;
  readonly errorCode: string | undefined;
}

/** A request to be sent. */
export interface Order {
  readonly port: number;
  readonly path: string;
  /** @default 'POST' where there is a body, else 'GET' */
  readonly method?: string;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** @default {@link KEY} */
  readonly key?: string;
  /** @default a connection of its own */
  readonly agent?: http.Agent;
  readonly signal?: AbortSignal;
  /** Moment of `performance.now()` from which its time counts. @default now */
  readonly due?: number;
  /** @default 60_000 */
  readonly timeoutMs?: number;
}

/** Sends a request; whatever happens to it is its outcome, never an exception. */
export function send(order: Order): Promise<Reply> {
  const { port, path, body, headers, key = KEY, agent, signal, timeoutMs = 60_000 } = order;
  const sent = performance.now();
  const due = order.due ?? sent;
  return new Promise((resolve) => {
    let settled = false;
    const settle = (outcome: string, text: string, errorCode?: string): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      const now = performance.now();
      resolve({ outcome, body: text, ms: now - due, serviceMs: now - sent, errorCode });
    };
    const request = http.request({
      ...{ host: '127.0.0.1', port, path, method: order.method ?? (body === undefined ? 'GET' : 'POST') },
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        ...headers,
      },
      ...(agent ? { agent } : { agent: false }),
      ...(signal ? { signal } : {}),
    });
    const timer = setTimeout(() => {
      settle('TIMEOUT', '');
      request.destroy();
    }, timeoutMs);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      const code = response.headers['x-error-code'];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => settle(String(response.statusCode), Buffer.concat(chunks).toString(), code?.toString()));
      response.on('error', (error: NodeJS.ErrnoException) => settle(error.code ?? 'ERROR', ''));
      response.on('aborted', () => settle('ABORTED', ''));
    });
    request.on('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message, ''));
    request.end(body);
  });
}

/** Keeps every reply with the mark that stood when it was sent, and counts. */
export class Recorder {
  readonly replies: (Reply & { readonly mark: string })[] = [];
  /** What is going on: replies carry it. */
  mark = '';

  /** Takes a reply. */
  add(reply: Reply, mark = this.mark): void {
    this.replies.push({ ...reply, mark });
  }

  /** Replies under a mark, or all. */
  under(mark?: string): readonly Reply[] {
    return mark === undefined ? this.replies : this.replies.filter((reply) => reply.mark === mark);
  }

  /** How many replies had this outcome. */
  count(outcome: string, mark?: string): number {
    return this.under(mark).filter((reply) => reply.outcome === outcome).length;
  }

  /** Outcomes other than these, each with its number; empty when there are none. */
  others(...expected: readonly string[]): Readonly<Record<string, number>> {
    const found: Record<string, number> = {};
    for (const { outcome } of this.replies) {
      if (!expected.includes(outcome)) found[outcome] = (found[outcome] ?? 0) + 1;
    }
    return found;
  }

  /** Replies with an outcome other than these. */
  failed(...expected: readonly string[]): number {
    return Object.values(this.others(...expected)).reduce((sum, count) => sum + count, 0);
  }

  /** A quantile of the time of successful replies, in milliseconds. */
  quantile(share: number, mark?: string): number {
    const good = this.under(mark).filter(({ outcome }) => outcome === '200');
    return quantile(
      good.map(({ ms }) => ms),
      share,
    );
  }
}

/** How requests come. */
export interface OpenLoop {
  /** Requests per second. */
  readonly rate: number;
  readonly seconds: number;
  /** Sends one request, whose time counts from `due`. */
  readonly shoot: (due: number, index: number) => Promise<Reply>;
  readonly recorder: Recorder;
  /** Ends it early. */
  readonly stopped?: () => boolean;
}

/**
 * Requests at a fixed rate, whatever becomes of those before: a server that falls behind is not spared. Each is timed
 * from the moment at which it was to be sent, so that a stall counts for everyone whom it made wait.
 */
export async function openLoop({ rate, seconds, shoot, recorder, stopped }: OpenLoop): Promise<void> {
  const started = performance.now();
  const total = Math.round(rate * seconds);
  const pending = new Set<Promise<void>>();
  let sent = 0;
  while (sent < total && !stopped?.()) {
    const now = performance.now();
    for (; sent < total && started + (sent * 1000) / rate <= now; sent += 1) {
      const mark = recorder.mark;
      const shot = shoot(started + (sent * 1000) / rate, sent).then((reply) => {
        recorder.add(reply, mark);
        pending.delete(shot);
      });
      pending.add(shot);
    }
    await delay(Math.max(1, started + (sent * 1000) / rate - performance.now()));
  }
  await Promise.all(pending);
}

/** Clients that each send one request after another until it is enough. */
export async function closedLoop(
  clients: number,
  shoot: (client: number) => Promise<Reply>,
  recorder: Recorder,
  enough: () => boolean,
): Promise<void> {
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      while (!enough()) {
        const mark = recorder.mark;
        recorder.add(await shoot(client), mark);
      }
    }),
  );
}

/** An agent that keeps its connections. */
export const keepAlive = (sockets = Number.POSITIVE_INFINITY): http.Agent =>
  new http.Agent({ keepAlive: true, maxSockets: sockets });
