import type { Exchange, RecordOptions } from './record';
import { writeRecord } from './record';
import type { RotatingFile } from './rotating-file';

/** What may wait for the disk. */
export const QUEUE_LIMITS = { records: 1_000, bytes: 8 * 2 ** 20 } as const;

/** Bytes that are written at once. */
const BATCH_BYTES = 2 ** 20;
/** Milliseconds between tries while the disk takes nothing. */
const RETRY_MS = 1_000;

/** What became of a record: lost to its own length, to a full queue or to the disk, or written. */
export type RecordOutcome = 'written' | 'too-long' | 'queue-full' | 'disk';

/** Options of a {@link PayloadLog}. */
export interface PayloadLogOptions extends RecordOptions {
  readonly file: Pick<RotatingFile, 'append' | 'close'>;
  /** Told what became of records. */
  readonly counted: (outcome: RecordOutcome, records: number) => void;
  /** Told when the disk begins to refuse. */
  readonly failed: (error: unknown) => void;
  /** Number from 0 to 1, for sampling. @default Math.random */
  readonly random?: () => number;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
}

/** Samples exchanges and writes them to a file, beside the requests: they never wait for it and never fail for it. */
export class PayloadLog {
  private lines: string[] = [];
  private bytes = 0;
  /** Exchanges that are chosen and not yet lines. */
  private chosen = 0;
  private writing: Promise<void> | undefined;
  private refusedAt: number | undefined;
  private readonly random: () => number;

  constructor(private readonly options: PayloadLogOptions) {
    this.random = options.random ?? Math.random;
  }

  /** Draws whether a request is logged. */
  samples(model: string): boolean {
    const rate = this.options.rules.rateOf(model);
    return rate > 0 && this.random() < rate;
  }

  /** Most bytes of a record. */
  get recordBytes(): number {
    return this.options.maxBytes;
  }

  /** Takes an exchange; it becomes a line once its answer is on its way, and a function is asked for it no sooner. */
  record(exchange: Exchange | (() => Exchange)): void {
    if (this.lines.length + this.chosen >= QUEUE_LIMITS.records) return this.options.counted('queue-full', 1);
    this.chosen += 1;
    setImmediate(() => {
      this.chosen -= 1;
      this.queue(typeof exchange === 'function' ? exchange() : exchange);
    });
  }

  /** Writes what waits, down to the disk. */
  async close(): Promise<void> {
    while (this.chosen > 0) await new Promise((resolve) => setImmediate(resolve));
    // The disk gets a last chance.
    this.refusedAt = undefined;
    await (this.writing ?? this.write());
    await this.options.file.close().catch((error: unknown) => this.options.failed(error));
  }

  private queue(exchange: Exchange): void {
    const line = writeRecord(exchange, this.options);
    if (line === undefined) return this.options.counted('too-long', 1);
    const size = Buffer.byteLength(line);
    if (this.bytes + size > QUEUE_LIMITS.bytes) return this.options.counted('queue-full', 1);
    this.lines.push(line);
    this.bytes += size;
    this.writing ??= this.write().finally(() => (this.writing = undefined));
  }

  private take(): readonly string[] {
    let [count, bytes] = [0, 0];
    for (const line of this.lines) {
      if (count > 0 && bytes + line.length > BATCH_BYTES) break;
      bytes += line.length;
      count += 1;
    }
    const taken = this.lines.splice(0, count);
    this.bytes -= taken.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
    return taken;
  }

  private async write(): Promise<void> {
    while (this.lines.length > 0) {
      const lines = this.take();
      this.options.counted(await this.append(lines.join('')), lines.length);
    }
  }

  private async append(text: string): Promise<RecordOutcome> {
    const { file, failed, now } = this.options;
    if (this.refusedAt !== undefined && now() - this.refusedAt < RETRY_MS) return 'disk';
    try {
      await file.append(text);
      this.refusedAt = undefined;
      return 'written';
    } catch (error) {
      if (this.refusedAt === undefined) failed(error);
      this.refusedAt = now();
      return 'disk';
    }
  }
}
