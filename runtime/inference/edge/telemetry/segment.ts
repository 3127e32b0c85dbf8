import { createHash, randomUUID } from 'node:crypto';

const MAGIC = Buffer.from('LNMTSEG1');
const KEY_BYTES = 36;
const SUM_BYTES = 8;
const LENGTH_BYTES = 4;
const NEWLINE = Buffer.from('\n');

/** Bytes before the first record. */
export const HEAD_BYTES = MAGIC.byteLength + KEY_BYTES + SUM_BYTES;
/** Bytes of a record beside itself. */
const FRAME_BYTES = LENGTH_BYTES + SUM_BYTES;

/** What a segment holds, as far as it is whole. */
export interface SegmentContent {
  /** The same whenever this segment is sent. */
  readonly key: string;
  /** Its records as JSON lines. */
  readonly lines: Buffer;
  readonly records: number;
  /** Bytes from the beginning that are whole; what follows was being written at a crash. */
  readonly bytes: number;
}

const sum = (content: Uint8Array): Buffer => createHash('sha256').update(content).digest().subarray(0, SUM_BYTES);

/** The beginning of a new segment. */
export function newHead(): Buffer {
  const head = Buffer.concat([MAGIC, Buffer.from(randomUUID())]);
  return Buffer.concat([head, sum(head)]);
}

/** A record as it stands in a segment. */
export function frame(record: Buffer): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(record.byteLength);
  return Buffer.concat([length, sum(record), record]);
}

/** Reads a segment up to where it is torn; undefined where its head is not whole. */
export function readSegment(content: Buffer): SegmentContent | undefined {
  const head = content.subarray(0, HEAD_BYTES - SUM_BYTES);
  if (content.byteLength < HEAD_BYTES || !head.subarray(0, MAGIC.byteLength).equals(MAGIC)) return undefined;
  if (!sum(head).equals(content.subarray(head.byteLength, HEAD_BYTES))) return undefined;
  const lines: Buffer[] = [];
  let bytes = HEAD_BYTES;
  for (;;) {
    const start = bytes + FRAME_BYTES;
    if (start > content.byteLength) break;
    const end = start + content.readUInt32LE(bytes);
    const record = content.subarray(start, end);
    if (end > content.byteLength || !sum(record).equals(content.subarray(bytes + LENGTH_BYTES, start))) break;
    lines.push(record, NEWLINE);
    bytes = end;
  }
  const key = head.subarray(MAGIC.byteLength).toString('latin1');
  return { key, lines: Buffer.concat(lines), records: lines.length / 2, bytes };
}
