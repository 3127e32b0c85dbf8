import { StartError } from '../../../shared/errors';
import { codeOf } from '../../../shared/file-state';
import { isShortage } from '../../errors';
import { Semaphore } from '../../../shared/semaphore';
import type { Disk } from './disk';
import { frame, HEAD_BYTES, newHead, readSegment } from './segment';
import type { SegmentContent } from './segment';

const NAME = /^(\d{12})\.seg$/;
/** Bytes of records that may wait for the disk. */
const WAITING_BYTES = 2 ** 20;
/** So often a segment that cannot be read is tried before its records are given up. */
const MOST_MISREADS = 5;

/** Why a record was given up: above the bound of the folder, longer than a segment, no disk, torn, or refused. */
export type DropReason = 'bound' | 'size' | 'disk' | 'damaged' | 'refused';

/** What an outbox works with. */
export interface OutboxOptions {
  readonly disk: Disk;
  /** Most bytes on the disk. */
  readonly maxBytes: number;
  /** Told of records that are given up. */
  readonly dropped: (reason: DropReason, records: number) => void;
  /** Told when the disk refuses. */
  readonly failed: (error: unknown) => void;
}

interface Segment {
  readonly number: number;
  /** 0 where it could not be read yet: then all of it counts. */
  bytes: number;
  records: number;
  sealed: boolean;
  /** Times that it could not be read. */
  misreads: number;
}

/** A segment on its way to the collector. */
export interface Parcel extends SegmentContent {
  readonly number: number;
}

/**
 * Records in the order in which they came, on the disk, up to a bound: then the oldest go. A segment that was once given
 * out never changes, so that what is sent twice can be known by its key.
 */
export class Outbox {
  private readonly segments: Segment[] = [];
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private next = 1;
  /** Number of the segment that is being sent. */
  private out: number | undefined;
  private readonly turns = new Semaphore(1);
  private readonly segmentBytes: number;

  private constructor(private readonly options: OutboxOptions) {
    this.segmentBytes = Math.max(4096, Math.min(2 ** 20, Math.floor(options.maxBytes / 16)));
  }

  /** Takes over what the last process left. @throws StartError LNMT8115 */
  static async open(options: OutboxOptions, dir: string): Promise<Outbox> {
    const outbox = new Outbox(options);
    try {
      await outbox.recover();
    } catch (error) {
      throw new StartError('LNMT8115', `${dir}: ${error instanceof Error ? error.message : String(error)}`, error);
    }
    return outbox;
  }

  /** Bytes on the disk. */
  get bytes(): number {
    return this.segments.reduce((total, { bytes }) => total + bytes, 0);
  }

  /** Takes a record; it is on the disk after the next {@link flush}. */
  put(record: string): void {
    const framed = frame(Buffer.from(record));
    if (framed.byteLength + HEAD_BYTES > this.segmentBytes) return this.options.dropped('size', 1);
    this.waiting.push(framed);
    this.waitingBytes += framed.byteLength;
    while (this.waitingBytes > WAITING_BYTES) {
      this.waitingBytes -= this.waiting.shift()?.byteLength ?? 0;
      this.options.dropped('disk', 1);
    }
  }

  /** Brings what waits to the disk. Where it refuses, records go on waiting. */
  flush(): Promise<void> {
    return this.turns.run(async () => {
      try {
        while (this.waiting.length > 0) await this.write();
      } catch (error) {
        this.options.failed(error);
      }
    });
  }

  /** The oldest records, which stay until they are settled; undefined where there are none. */
  async oldest(): Promise<Parcel | undefined> {
    await this.flush();
    return this.turns.run(async () => {
      for (let segment = this.segments[0]; segment !== undefined; segment = this.segments[0]) {
        segment.sealed = true;
        const content = await this.contentOf(segment);
        const whole = content?.records ?? 0;
        if (whole < segment.records) this.options.dropped('damaged', segment.records - whole);
        [segment.records, segment.bytes] = [whole, content?.bytes ?? 0];
        if (content !== undefined && whole > 0) {
          this.out = segment.number;
          return { ...content, number: segment.number };
        }
        await this.discard(segment);
      }
      return undefined;
    });
  }

  /** The records of a parcel are not needed any more. */
  settle({ number }: Pick<Parcel, 'number'>): Promise<void> {
    return this.turns.run(async () => {
      const segment = this.segments.find((each) => each.number === number);
      if (segment !== undefined) await this.remove(segment);
      this.out = undefined;
    });
  }

  /** A parcel could not be sent now; it may go before it is, when room is needed. */
  release(): void {
    this.out = undefined;
  }

  private async recover(): Promise<void> {
    const { disk } = this.options;
    const numbers = (await disk.list()).flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number);
    for (const number of numbers.sort((a, b) => a - b)) {
      this.next = number + 1;
      const segment: Segment = { number, bytes: 0, records: 0, sealed: true, misreads: 0 };
      try {
        const { bytes, records } = readSegment(await disk.read(nameOf(number))) ?? { bytes: 0, records: 0 };
        if (records === 0) await disk.remove(nameOf(number));
        else this.segments.push({ ...segment, bytes, records });
      } catch (error) {
        this.options.failed(error);
        // It holds one record at least, or would have been removed.
        this.segments.push({ ...segment, records: 1 });
      }
    }
    await this.makeRoom(0, undefined);
  }

  /** What a segment holds; undefined where that is lost. @throws what the disk says while it may be read later */
  private async contentOf(segment: Segment): Promise<SegmentContent | undefined> {
    try {
      const all = await this.options.disk.read(nameOf(segment.number));
      return readSegment(segment.bytes === 0 ? all : all.subarray(0, segment.bytes));
    } catch (error) {
      if (isShortage(error)) throw error;
      segment.misreads += 1;
      const isGone = codeOf(error) === 'ENOENT';
      if (!isGone && segment.misreads < MOST_MISREADS) throw error;
      this.options.failed(error);
      return undefined;
    }
  }

  /** Nothing of a segment can be sent: it stands before the others no more, whether or not the disk removes it. */
  private async discard(segment: Segment): Promise<void> {
    this.forget(segment);
    await this.options.disk.remove(nameOf(segment.number)).catch(this.options.failed);
  }

  /** As many waiting records as the current segment takes. */
  private async write(): Promise<void> {
    const { disk } = this.options;
    let current = this.segments.at(-1);
    const [first] = this.waiting;
    if (first === undefined) return;
    if (current === undefined || current.sealed || current.bytes + first.byteLength > this.segmentBytes) {
      current = await this.begin(first.byteLength);
    }
    const taken: Buffer[] = [];
    let size = current.bytes;
    for (const record of this.waiting) {
      if (size + record.byteLength > this.segmentBytes) break;
      taken.push(record);
      size += record.byteLength;
    }
    const content = Buffer.concat(taken);
    await this.makeRoom(content.byteLength, current);
    await disk.append(nameOf(current.number), current.bytes, content);
    current.bytes += content.byteLength;
    current.records += taken.length;
    const written = new Set(taken);
    this.waiting = this.waiting.filter((record) => !written.has(record));
    this.waitingBytes = this.waiting.reduce((total, { byteLength }) => total + byteLength, 0);
  }

  private async begin(bytes: number): Promise<Segment> {
    await this.makeRoom(HEAD_BYTES + bytes, undefined);
    const number = this.next;
    this.next += 1;
    await this.options.disk.create(nameOf(number), newHead());
    const segment: Segment = { number, bytes: HEAD_BYTES, records: 0, sealed: false, misreads: 0 };
    this.segments.push(segment);
    return segment;
  }

  /** The oldest go, but neither what is being sent nor what is being written. */
  private async makeRoom(bytes: number, current: Segment | undefined): Promise<void> {
    while (this.bytes + bytes > this.options.maxBytes) {
      const victim = this.segments.find((segment) => segment !== current && segment.number !== this.out);
      if (victim === undefined) return;
      await this.remove(victim);
      this.options.dropped('bound', victim.records);
    }
  }

  private async remove(segment: Segment): Promise<void> {
    await this.options.disk.remove(nameOf(segment.number));
    this.forget(segment);
  }

  private forget(segment: Segment): void {
    const place = this.segments.indexOf(segment);
    if (place >= 0) this.segments.splice(place, 1);
  }
}

const nameOf = (number: number): string => `${String(number).padStart(12, '0')}.seg`;
