import { MemoryBytes } from './bytes';
import type { Bytes } from './bytes';

const WIRE_VARINT = 0n;
const WIRE_BYTES = 2n;

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return bytes;
}

/**
 * Puts a protobuf message together from parts that may still lie in files.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export class Encoder {
  private readonly parts: Bytes[] = [];
  private total = 0;

  /** Size of the message so far, in bytes. */
  get size(): number {
    return this.total;
  }

  /** Adds bytes as they are. */
  raw(bytes: Bytes): this {
    this.parts.push(bytes);
    this.total += bytes.size;
    return this;
  }

  /** Adds a number as a varint. */
  number(id: number, value: number | bigint): this {
    const bytes = [...varint((BigInt(id) << 3n) | WIRE_VARINT), ...varint(BigInt(value))];
    return this.raw(new MemoryBytes(Uint8Array.from(bytes)));
  }

  /** Adds a field of bytes. */
  bytes(id: number, content: Bytes): this {
    const head = [...varint((BigInt(id) << 3n) | WIRE_BYTES), ...varint(BigInt(content.size))];
    return this.raw(new MemoryBytes(Uint8Array.from(head))).raw(content);
  }

  /** Adds a text. */
  text(id: number, content: string): this {
    return this.bytes(id, new MemoryBytes(Buffer.from(content, 'utf8')));
  }

  /** Adds a message. */
  message(id: number, content: Encoder): this {
    const head = [...varint((BigInt(id) << 3n) | WIRE_BYTES), ...varint(BigInt(content.size))];
    this.raw(new MemoryBytes(Uint8Array.from(head)));
    for (const part of content.parts) this.raw(part);
    return this;
  }

  /** The message, piece by piece. */
  *chunks(): Generator<Uint8Array> {
    for (const part of this.parts) yield* part.chunks();
  }

  /** The message in memory. */
  toBytes(): Uint8Array {
    return Buffer.concat([...this.chunks()]);
  }
}
