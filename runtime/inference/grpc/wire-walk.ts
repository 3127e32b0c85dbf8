import { invalidRequest, tooManyElements, tooManyValues } from '../errors';
import { countEnds } from './varints';
import { WIRE } from './wire-shapes';
import type { FieldShape, MessageShape } from './wire-shapes';

/** Of each field beside its values, known or not: that there are many takes time here and there. */
const FIELD_COST = 128;

/**
 * What of a message is read in some hundredths of a second, in which nobody else is answered: fields at any depth, and packed
 * integers and booleans. Packed floats are taken as they lie.
 */
const MOST = { fields: 250_000, integers: 1_000_000 } as const;

const VARINT_BYTES = { short: 5, long: 10 } as const;

const broken = (): Error => invalidRequest('the message is not what protobuf makes of a request');

/**
 * Goes through the bytes of a message before it is read, as the library reads them, and adds up what its values will take.
 * Where the library is lenient, with wire types that do not fit and numbers of odd length, this is not: what is counted
 * here has to be what is read there.
 */
class Walk {
  cost = 0;
  private fields = 0;
  private integers = 0;
  private at = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly limit: number,
  ) {}

  /** Messages nest as deep as their shapes do. */
  message(shape: MessageShape, end: number): void {
    while (this.at < end) {
      const tag = this.short(end);
      const [number, wire] = [tag >>> 3, tag & 7];
      if (number === 0) throw broken();
      this.charge(FIELD_COST);
      if (++this.fields > MOST.fields) throw tooManyValues('fields', MOST.fields);
      const field = shape[number];
      if (field === undefined) this.unknown(wire, end);
      else if (wire === WIRE.bytes) this.extent(field, end);
      else this.value(field, wire, end);
    }
  }

  private unknown(wire: number, end: number): void {
    if (wire === WIRE.bytes) this.at = this.stop(end);
    else this.skip(wire, true, end);
  }

  private value({ wire: own, cost, long = false }: FieldShape, wire: number, end: number): void {
    if (wire !== own) throw broken();
    this.charge(cost);
    this.skip(wire, long, end);
  }

  /** What says its length: a name, bytes, a message, or packed numbers. */
  private extent(field: FieldShape, end: number): void {
    const stop = this.stop(end);
    const length = stop - this.at;
    if (field.most !== undefined && length > field.most) {
      throw invalidRequest(`${field.name} is longer than ${field.most} bytes`);
    }
    if (field.wire !== WIRE.bytes) {
      if (field.many !== true) throw broken();
      this.packed(field, stop);
    } else {
      this.charge(field.cost + length * (field.each ?? 0));
      if (field.of !== undefined) this.message(field.of, stop);
    }
    this.at = stop;
  }

  private packed({ wire, cost }: FieldShape, stop: number): void {
    const length = stop - this.at;
    if (wire !== WIRE.varint) {
      if (length % (wire === WIRE.fixed32 ? 4 : 8) !== 0) throw broken();
      return;
    }
    const count = countEnds(this.bytes, this.at, stop, MOST.integers);
    this.integers += count;
    if (this.integers > MOST.integers) throw tooManyValues('integers and booleans', MOST.integers);
    this.charge(cost * count);
  }

  private charge(cost: number): void {
    this.cost += cost;
    if (this.cost > this.limit) throw tooManyElements(this.limit);
  }

  /** A tag or a length, which has 32 bits and no more bytes than they need. */
  private short(end: number): number {
    let value = 0;
    for (let index = 0; index < VARINT_BYTES.short && this.at < end; index += 1) {
      const byte = this.bytes[this.at] ?? 0;
      this.at += 1;
      value += (byte & 127) * 2 ** (7 * index);
      if (byte < 128) {
        if (value > 0xffff_ffff) throw broken();
        return value;
      }
    }
    throw broken();
  }

  /** Where what begins here with its length ends. */
  private stop(end: number): number {
    const length = this.short(end);
    if (length > end - this.at) throw broken();
    return this.at + length;
  }

  private skip(wire: number, long: boolean, end: number): void {
    if (wire === WIRE.varint) this.skipVarint(long, end);
    else if (wire === WIRE.fixed32) this.at += 4;
    else if (wire === WIRE.fixed64) this.at += 8;
    else throw broken();
    if (this.at > end) throw broken();
  }

  /** The library takes numbers of 32 bits that are longer than five bytes to have ten. */
  private skipVarint(long: boolean, end: number): void {
    const start = this.at;
    while (this.at < end && this.at - start < VARINT_BYTES.long) {
      const byte = this.bytes[this.at] ?? 0;
      this.at += 1;
      if (byte >= 128) continue;
      const length = this.at - start;
      if (long || length <= VARINT_BYTES.short || length === VARINT_BYTES.long) return;
      break;
    }
    throw broken();
  }
}

/**
 * Bytes that the values of a message take once it is read, beside its own.
 *
 * @param limit bytes; the walk stops as soon as there are more
 * @throws RequestError for a message that cannot be read or takes more, or a name that is too long
 */
export function decodedBytes(bytes: Uint8Array, shape: MessageShape, limit: number): number {
  const walk = new Walk(bytes, limit);
  walk.message(shape, bytes.length);
  return walk.cost;
}
