import { HEADERS } from '../../../contract';
import type { Destination, Reply } from '../destination';
import type { Outbox, Parcel } from './outbox';

/** Milliseconds between tries: at first, and at most. */
const RETRY = { firstMs: 1_000, mostMs: 300_000 } as const;

const SEND_MS = 30_000;
const MAX_REPLY_BYTES = 64 * 1024;
/** Statuses below 500 after which the same records may be taken later. */
const LATER: ReadonlySet<number> = new Set([401, 403, 404, 405, 407, 408, 421, 425, 429]);

/** What a sender works with. */
export interface SenderOptions {
  readonly outbox: Pick<Outbox, 'oldest' | 'settle' | 'release'>;
  readonly destination: Pick<Destination, 'send'>;
  /** Told of records that the collector took. */
  readonly sent: (records: number) => void;
  /** Told of records that the collector never takes. */
  readonly refused: (records: number, status: number) => void;
  readonly failed: (error: unknown) => void;
  /** From 0 to 1: many servers that come back at once do not ask at once. */
  readonly random: () => number;
}

/** Brings the outbox to the collector, in order, each parcel at least once. */
export class Sender {
  private pause: number = RETRY.firstMs;

  constructor(private readonly options: SenderOptions) {}

  /** Sends the oldest parcel. Returns the milliseconds until the next makes sense; undefined when nothing is left. */
  async step(signal?: AbortSignal): Promise<number | undefined> {
    const { outbox, sent, refused, failed } = this.options;
    try {
      const parcel = await outbox.oldest();
      if (parcel === undefined) return undefined;
      const reply = await this.send(parcel, signal);
      const { status } = reply;
      if (status >= 300 && (status < 400 || status >= 500 || LATER.has(status))) return this.later(reply);
      await outbox.settle(parcel);
      // 409 stands for records that are there already.
      if (status < 300 || status === 409) sent(parcel.records);
      else refused(parcel.records, status);
      this.pause = RETRY.firstMs;
      return 0;
    } catch (error) {
      failed(error);
      return this.back();
    }
  }

  private send({ key, lines }: Parcel, signal: AbortSignal | undefined): Promise<Reply> {
    return this.options.destination.send({
      ...{ method: 'POST', path: '', body: lines, signal, timeoutMs: SEND_MS, maxBytes: MAX_REPLY_BYTES },
      headers: { 'content-type': 'application/x-ndjson', [HEADERS.idempotencyKey]: key },
    });
  }

  private later({ status, headers }: Reply): number {
    this.options.failed(new Error(`the collector answered with status ${status}`));
    const after = headers['retry-after'];
    const seconds = after !== undefined && /^\d{1,6}$/.test(after) ? Number(after) : 0;
    return Math.max(this.back(), Math.min(seconds * 1000, RETRY.mostMs));
  }

  private back(): number {
    const { pause } = this;
    this.options.outbox.release();
    this.pause = Math.min(2 * pause, RETRY.mostMs);
    return pause * (0.5 + this.options.random() / 2);
  }
}
