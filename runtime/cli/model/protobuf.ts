import fs from 'node:fs';

/** One field of a protobuf message: a number, or the range of bytes that it takes in the file. */
export interface ProtoField {
  readonly field: number;
  /** Value of a varint. @default - not a varint */
  readonly value?: bigint;
  /** Where the bytes of a length-delimited field lie. @default - another wire type */
  readonly range?: Range;
}

/** Bytes of a file. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
const VARINT_MOST = 10;

/**
 * Reads protobuf messages in a file without reading what is not asked for: weights are stepped over.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export class ProtoFile {
  /** Size of the file in bytes. */
  readonly size: number;
  private readonly buffer = Buffer.alloc(VARINT_MOST);

  constructor(private readonly handle: number) {
    this.size = fs.fstatSync(handle).size;
  }

  /** The fields of the message in a range. Throws on bytes that are no message. */
  *fields({ start, end }: Range): Generator<ProtoField> {
    let at = start;
    while (at < end) {
      const [tag, afterTag] = this.varint(at, end);
      const field = Number(tag >> 3n);
      if (field === 0) throw new Error(`no field begins at byte ${at}`);
      const [entry, next] = this.entry(field, Number(tag & 7n), afterTag, end);
      if (next > end) throw new Error(`field ${field} at byte ${at} ends beyond the message`);
      yield entry;
      at = next;
    }
  }

  /** The text in a range. */
  text({ start, end }: Range): string {
    const bytes = Buffer.alloc(end - start);
    fs.readSync(this.handle, bytes, 0, bytes.length, start);
    return bytes.toString('utf8');
  }

  private entry(field: number, wireType: number, at: number, end: number): [ProtoField, number] {
    if (wireType === VARINT) {
      const [value, next] = this.varint(at, end);
      return [{ field, value }, next];
    }
    if (wireType === BYTES) {
      const [length, start] = this.varint(at, end);
      const next = start + Number(length);
      return [{ field, range: { start, end: next } }, next];
    }
    if (wireType === FIXED64) return [{ field }, at + 8];
    if (wireType === FIXED32) return [{ field }, at + 4];
    throw new Error(`byte ${at} has wire type ${wireType}, which protobuf does not use`);
  }

  private varint(at: number, end: number): [value: bigint, next: number] {
    const length = fs.readSync(this.handle, this.buffer, 0, Math.min(VARINT_MOST, end - at), at);
    let value = 0n;
    for (let index = 0; index < length; index += 1) {
      const byte = this.buffer[index] ?? 0;
      value |= BigInt(byte & 0x7f) << BigInt(7 * index);
      if (byte < 0x80) return [value, at + index + 1];
    }
    throw new Error(`no number ends after byte ${at}`);
  }
}
