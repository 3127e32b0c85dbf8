import { invalidRequest } from '../errors';
import type { Datatype } from '../tensors/tensor';
import { CONTENTS } from './elements';
import { countEnds, readVarints } from './varints';
import { CONTENTS_SHAPE, WIRE } from './wire-shapes';

const LITTLE = true;
const LENGTH_BYTES = 4;
/** Bytes up to which a loop copies them sooner than a call. */
const SHORT = 64;

/** What integers are stored in, and their range: some share a member with larger ones. */
const INTEGERS = {
  INT8: [Int8Array, -128, 127],
  INT16: [Int16Array, -32_768, 32_767],
  INT32: [Int32Array, -(2 ** 31), 2 ** 31 - 1],
  UINT8: [Uint8Array, 0, 255],
  UINT16: [Uint16Array, 0, 65_535],
  UINT32: [Uint32Array, 0, 2 ** 32 - 1],
} as const;

/** Told of each stretch of a field, from its number: packed numbers, one number, or one text. */
type Visit = (field: number, bytes: Uint8Array, start: number, end: number) => void;

/** The place after the number that begins here. */
function afterNumber(bytes: Uint8Array, start: number): number {
  let end = start;
  while ((bytes[end] ?? 0) >= 128) end += 1;
  return end + 1;
}

/** A tag or a length between these places. */
function shortOf(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let at = end - 1; at >= start; at -= 1) value = value * 128 + ((bytes[at] ?? 0) & 127);
  return value;
}

/** Goes through contents, which `wire-walk.ts` went through before: they are what protobuf makes. */
function eachStretch(contents: readonly Uint8Array[], visit: Visit): void {
  for (const bytes of contents) {
    for (let at = 0; at < bytes.length;) {
      let start = afterNumber(bytes, at);
      const tag = shortOf(bytes, at, start);
      const wire = tag & 7;
      if (wire === WIRE.varint) at = afterNumber(bytes, start);
      else if (wire !== WIRE.bytes) at = start + (wire === WIRE.fixed32 ? 4 : 8);
      else {
        const end = afterNumber(bytes, start);
        at = end + shortOf(bytes, start, end);
        start = end;
      }
      if (tag >>> 3 in CONTENTS_SHAPE) visit(tag >>> 3, bytes, start, at);
    }
  }
}

/** What the contents have of one field. */
interface Held {
  count: number;
  stretches: number;
  bytes: number;
}

function heldOf(contents: readonly Uint8Array[]): Readonly<Record<number, Held>> {
  const fields: Record<number, Held> = {};
  eachStretch(contents, (field, bytes, start, end) => {
    const held = (fields[field] ??= { count: 0, stretches: 0, bytes: 0 });
    held.stretches += 1;
    held.bytes += end - start;
    const wire = CONTENTS_SHAPE[field]?.wire;
    if (wire === WIRE.varint) held.count += countEnds(bytes, start, end, Number.POSITIVE_INFINITY);
    else held.count += wire === WIRE.bytes ? 1 : (end - start) / (wire === WIRE.fixed32 ? 4 : 8);
  });
  return fields;
}

function copy(from: Uint8Array, start: number, end: number, to: Uint8Array, offset: number): void {
  if (end - start > SHORT) to.set(from.subarray(start, end), offset);
  else for (let at = start; at < end; at += 1) to[offset + at - start] = from[at] ?? 0;
}

/** Numbers that lie on the wire as they do in a tensor. They are not copied where they lie together. */
function floats(contents: readonly Uint8Array[], field: number, held: Held): Uint8Array {
  let data: Uint8Array = new Uint8Array(held.stretches === 1 ? 0 : held.bytes);
  let offset = 0;
  eachStretch(contents, (own, bytes, start, end) => {
    if (own !== field) return;
    if (held.stretches === 1) data = bytes.subarray(start, end);
    else copy(bytes, start, end, data, offset);
    offset += end - start;
  });
  return data;
}

function texts(contents: readonly Uint8Array[], field: number, held: Held): Uint8Array {
  const data = new Uint8Array(held.bytes + LENGTH_BYTES * held.count);
  const view = new DataView(data.buffer);
  let offset = 0;
  eachStretch(contents, (own, bytes, start, end) => {
    if (own !== field) return;
    view.setUint32(offset, end - start, LITTLE);
    copy(bytes, start, end, data, offset + LENGTH_BYTES);
    offset += LENGTH_BYTES + end - start;
  });
  return data;
}

/** Integers and booleans as two words each. */
function wordsOf(contents: readonly Uint8Array[], field: number, held: Held, where: string): Uint32Array {
  const words = new Uint32Array(2 * held.count);
  let written = 0;
  eachStretch(contents, (own, bytes, start, end) => {
    if (own !== field) return;
    const count = readVarints(bytes, start, end, words, written);
    if (count < 0) throw invalidRequest(`${where}: contents hold a number that does not end`);
    written += 2 * count;
  });
  return words;
}

function narrow(datatype: keyof typeof INTEGERS, words: Uint32Array, where: string): Uint8Array {
  const [Integers, min, max] = INTEGERS[datatype];
  const data = new Integers(words.length / 2);
  for (let index = 0; index < data.length; index += 1) {
    const low = words[2 * index] ?? 0;
    const value = min < 0 ? low | 0 : low;
    if (value < min || value > max) throw invalidRequest(`${where}: ${value} is not an integer from ${min} to ${max}`);
    data[index] = value;
  }
  return new Uint8Array(data.buffer);
}

function booleans(words: Uint32Array): Uint8Array {
  const data = new Uint8Array(words.length / 2);
  for (let index = 0; index < data.length; index += 1) data[index] = words[2 * index] || words[2 * index + 1] ? 1 : 0;
  return data;
}

function integers(datatype: Datatype, words: Uint32Array, where: string): Uint8Array {
  if (datatype in INTEGERS) return narrow(datatype as keyof typeof INTEGERS, words, where);
  return datatype === 'BOOL' ? booleans(words) : new Uint8Array(words.buffer);
}

/**
 * Writes the typed contents of a tensor in the protocol's binary form, without a value for each element.
 *
 * @param contents messages that were gone through before
 * @throws RequestError for elements in another member, too few, too many or out of range
 */
export function packContents(
  datatype: Datatype,
  contents: readonly Uint8Array[],
  count: number,
  where: string,
): Uint8Array {
  const key = CONTENTS[datatype];
  if (key === undefined) throw invalidRequest(`${where}: ${datatype} travels in raw_input_contents only`);
  const fields = heldOf(contents);
  const members = Object.entries(CONTENTS_SHAPE).map(([number, shape]) => ({ ...shape, field: Number(number) }));
  const other = members.find(({ name, field }) => name !== key && (fields[field]?.count ?? 0) > 0);
  if (other !== undefined) throw invalidRequest(`${where}: contents has ${other.name}; ${datatype} takes ${key}`);
  const { field = 0, wire } = members.find(({ name }) => name === key) ?? {};
  const held = fields[field] ?? { count: 0, stretches: 0, bytes: 0 };
  if (held.count !== count) throw invalidRequest(`${where}: shape has ${count} elements, ${key} has ${held.count}`);
  if (wire === WIRE.bytes) return texts(contents, field, held);
  if (wire !== WIRE.varint) return floats(contents, field, held);
  return integers(datatype, wordsOf(contents, field, held, where), where);
}
