import { isUtf8 } from 'node:buffer';

const LENGTH_BYTES = 4;
/** Set in lengths of which a byte is no ASCII. */
const BEYOND_ASCII = 0x80808080;
/** Most elements that are looked at together: so many are looked at one by one where one of them is broken. */
const STRETCH = 1_024;
/** Bytes of a text from which on a search by native code is cheaper than looking at each. */
const LONG = 64;

/** Writes elements as a BYTES tensor. */
export function packBytes(values: readonly Uint8Array[]): Uint8Array {
  const data = new Uint8Array(values.reduce((sum, { length }) => sum + LENGTH_BYTES + length, 0));
  const view = new DataView(data.buffer);
  let offset = 0;
  for (const value of values) {
    view.setUint32(offset, value.length, true);
    data.set(value, offset + LENGTH_BYTES);
    offset += LENGTH_BYTES + value.length;
  }
  return data;
}

/** Writes texts as a BYTES tensor. No buffer is made of any: there may be many, and short ones. */
export function packStrings(values: readonly string[]): Uint8Array {
  const data = new Uint8Array(values.reduce((sum, value) => sum + LENGTH_BYTES + Buffer.byteLength(value), 0));
  const buffer = Buffer.from(data.buffer);
  let offset = 0;
  for (const value of values) {
    const length = buffer.write(value, offset + LENGTH_BYTES);
    offset = buffer.writeUInt32LE(length, offset) + length;
  }
  return data;
}

/** Reads a BYTES tensor that this server wrote. */
export function unpackStrings(data: Uint8Array): string[] {
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const values: string[] = [];
  for (let offset = 0; offset < buffer.length;) {
    const start = offset + LENGTH_BYTES;
    offset = start + buffer.readUInt32LE(offset);
    values.push(buffer.toString('utf8', start, offset));
  }
  return values;
}

/** Where the element ends that is the last of so many, or the first beyond so many bytes, of those from an offset on. */
export function endOfElements(data: Uint8Array, from: number, most: { count: number; bytes: number }): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let offset = from;
  for (let left = most.count; left > 0 && offset < data.byteLength && offset - from < most.bytes; left -= 1) {
    offset += LENGTH_BYTES + view.getUint32(offset, true);
  }
  return offset;
}

/** The elements of a BYTES tensor as bytes, not copied. Its lengths were checked when it was read. */
export function bytesOf(data: Uint8Array): Uint8Array[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const values: Uint8Array[] = [];
  for (let offset = 0; offset < data.byteLength;) {
    const start = offset + LENGTH_BYTES;
    offset = start + view.getUint32(offset, true);
    values.push(data.subarray(start, offset));
  }
  return values;
}

/** The place of the first of these elements that is not UTF-8, or -1; lengths but the first are ASCII. */
const brokenOf = (stretch: Uint8Array): number =>
  isUtf8(stretch.subarray(LENGTH_BYTES)) ? -1 : bytesOf(stretch).findIndex((bytes) => !isUtf8(bytes));

/**
 * The place of the first element that is not UTF-8, or -1. Lengths were checked when the tensor was read.
 *
 * A view for each element would take a second for a few millions: a character never goes on beyond ASCII, so elements
 * are looked at together with the lengths between them, as far as those are ASCII.
 */
export function firstNotUtf8(data: Uint8Array): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let [from, first, offset] = [0, 0, 0];
  for (let element = 0; offset < data.byteLength; element++) {
    const length = view.getUint32(offset, true);
    if ((length & BEYOND_ASCII) !== 0 || element - first === STRETCH) {
      const broken = brokenOf(data.subarray(from, offset));
      if (broken >= 0) return first + broken;
      [from, first] = [offset, element];
    }
    offset += LENGTH_BYTES + length;
  }
  const broken = brokenOf(data.subarray(from));
  return broken < 0 ? -1 : first + broken;
}

function hasNul(data: Uint8Array, start: number, end: number): boolean {
  if (end - start >= LONG) return data.subarray(start, end).includes(0);
  for (let place = start; place < end; place++) if (data[place] === 0) return true;
  return false;
}

/** The place of the first element that is sought, by where its bytes start and end; or -1. No view is made of any. */
export function firstElement(data: Uint8Array, isSought: (start: number, end: number) => boolean): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let offset = 0, element = 0; offset < data.byteLength; element++) {
    const start = offset + LENGTH_BYTES;
    offset = start + view.getUint32(offset, true);
    if (isSought(start, offset)) return element;
  }
  return -1;
}

/** The place of the first element with a byte 0, or -1. Lengths were checked when the tensor was read. */
export const firstWithNul = (data: Uint8Array): number => firstElement(data, (start, end) => hasNul(data, start, end));
