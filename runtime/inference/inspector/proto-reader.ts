import type { ByteSource } from './byte-source';
import { malformed, tooMuch } from './errors';
import type { InspectorLimits } from './limits';

/** Bytes of a source. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** One field of a message: a number, or a range of bytes. */
export interface ProtoField {
  readonly id: number;
  /** Value of a varint, as 64 bits without sign. @default - not a varint */
  readonly value?: bigint;
  /** Where the bytes lie. @default - a varint */
  readonly range?: Range;
  /** True for the four or eight bytes of a fixed number. */
  readonly fixed?: boolean;
}

/** A field and the bytes that it takes with its tag. */
export interface WholeField {
  readonly field: ProtoField;
  readonly whole: Range;
}

const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;
const VARINT_BYTES = 10;
const SAFE_SHIFT = 28;

/**
 * Reads protobuf messages under a budget, without recursion of its own and without reading the ranges that it passes.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export class ProtoReader {
  private looked = 0;
  private kept = 0;
  /** End of the field that was given last. */
  private next = 0;

  constructor(
    readonly source: ByteSource,
    private readonly limits: InspectorLimits,
  ) {}

  /** The fields of the message in a range, in order. */
  *fields({ start, end }: Range): Generator<ProtoField> {
    let at = start;
    while (at < end) {
      if (++this.looked > this.limits.fields) throw tooMuch('fields', this.looked, this.limits.fields);
      const [tag, afterTag] = this.varint(at, end);
      const id = Number(tag >> 3n);
      if (id === 0 || tag > 0xffffffffn) throw malformed(`no field begins at byte ${at}`);
      const [field, next] = this.field(id, Number(tag & 7n), afterTag, end);
      this.next = next;
      yield field;
      at = next;
    }
  }

  /** The fields of the message in a range, in order, for those who write them again as they are. */
  *wholeFields(range: Range): Generator<WholeField> {
    let { start } = range;
    for (const field of this.fields(range)) {
      const end = this.next;
      yield { field, whole: { start, end } };
      start = end;
    }
  }

  /** A copy of the bytes in a range, which count as kept. */
  bytes(range: Range, most: number, what: string): Uint8Array {
    const size = range.end - range.start;
    if (size > most) throw tooMuch(`bytes of ${what}`, size, most);
    this.keep(size);
    return Uint8Array.from(this.source.view(range.start, range.end));
  }

  /** The text in a range. */
  text(range: Range, most: number, what: string): string {
    const bytes = this.bytes(range, most, what);
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      throw malformed(`${what} is not UTF-8`);
    }
  }

  /** Counts bytes that stay in memory. */
  keep(bytes: number): void {
    this.kept += bytes;
    if (this.kept > this.limits.keptBytes) throw tooMuch('bytes of names and texts', this.kept, this.limits.keptBytes);
  }

  /** The varints that fill a range. */
  *packed({ start, end }: Range): Generator<bigint> {
    for (let at = start; at < end;) {
      if (++this.looked > this.limits.fields) throw tooMuch('fields', this.looked, this.limits.fields);
      const [value, next] = this.varint(at, end);
      yield value;
      at = next;
    }
  }

  private field(id: number, wire: number, at: number, end: number): [ProtoField, number] {
    if (wire === WIRE.varint) {
      const [value, next] = this.varint(at, end);
      return [{ id, value }, next];
    }
    const [start, size] = this.extent(wire, at, end);
    const next = start + size;
    if (next > end) throw malformed(`field ${id} at byte ${at} ends beyond its message`);
    return [{ id, range: { start, end: next }, ...(wire === WIRE.bytes ? {} : { fixed: true }) }, next];
  }

  private extent(wire: number, at: number, end: number): [number, number] {
    if (wire === WIRE.fixed64) return [at, 8];
    if (wire === WIRE.fixed32) return [at, 4];
    if (wire !== WIRE.bytes) throw malformed(`byte ${at} has wire type ${wire}`);
    const [length, start] = this.varint(at, end);
    return [start, length > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(length)];
  }

  private varint(at: number, end: number): [value: bigint, next: number] {
    const view = this.source.view(at, Math.min(end, at + VARINT_BYTES));
    let small = 0;
    let value = 0n;
    for (let index = 0; index < view.length; index += 1) {
      const byte = view[index] ?? 0;
      const shift = 7 * index;
      if (shift < SAFE_SHIFT) small |= (byte & 0x7f) << shift;
      else value |= BigInt(byte & 0x7f) << BigInt(shift);
      if (byte < 0x80) return [BigInt.asUintN(64, value | BigInt(small)), at + index + 1];
    }
    throw malformed(`no number ends after byte ${at}`);
  }
}
