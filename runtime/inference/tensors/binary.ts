import { invalidRequest } from '../errors';
import { DATATYPE_BYTES } from './tensor';
import type { Datatype } from './tensor';

const LENGTH_BYTES = 4;

/** Datatypes of requests beyond those that onnxruntime-node runs, and what they become. */
export const WIDENED = { BF16: 'FP32' } as const satisfies Record<string, Datatype>;

/** A datatype as it stands in a request. */
export type WireDatatype = Datatype | keyof typeof WIDENED;

/** Bytes of an element on the wire; undefined where elements differ. */
const wireBytes = (datatype: WireDatatype): number | undefined => (datatype === 'BF16' ? 2 : DATATYPE_BYTES[datatype]);

/** The upper half of a 32-bit float is a BF16: no value changes. */
export function widenBfloat16(data: Uint8Array): Uint8Array {
  const wide = new Uint8Array(2 * data.byteLength);
  for (let index = 0; index < data.byteLength; index += 2) {
    wide[2 * index + 2] = data[index] ?? 0;
    wide[2 * index + 3] = data[index + 1] ?? 0;
  }
  return wide;
}

/** Whether an element is text is no matter here: what a step before the model takes may be any bytes. */
function checkLengths(data: Uint8Array, count: number, where: string): void {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let offset = 0;
  for (let element = 0; element < count; element++) {
    const start = offset + LENGTH_BYTES;
    offset = start <= data.byteLength ? start + view.getUint32(offset, true) : Number.POSITIVE_INFINITY;
    if (offset > data.byteLength) throw invalidRequest(`${where}: element ${element} ends after the tensor`);
  }
  if (offset !== data.byteLength)
    throw invalidRequest(`${where}: ${data.byteLength - offset} bytes after the last element`);
}

/**
 * Holds the bytes of a binary tensor to its datatype and number of elements. They are not copied.
 *
 * @throws RequestError
 */
export function checkBinary(datatype: WireDatatype, count: number, data: Uint8Array, where: string): void {
  const size = wireBytes(datatype);
  if (size === undefined) return checkLengths(data, count, where);
  if (data.byteLength !== count * size) {
    throw invalidRequest(
      `${where}: ${count} elements of ${datatype} are ${count * size} bytes, binary_data_size is ${data.byteLength}`,
    );
  }
  // Any other byte is no value of a boolean, and native code does with it as it likes.
  if (datatype === 'BOOL' && data.some((byte) => byte > 1)) throw invalidRequest(`${where}: a BOOL is a byte 0 or 1`);
}

/** The bytes after the JSON part of a body, handed out tensor by tensor. */
export class BinarySection {
  private offset = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** The bytes of the next tensor. */
  take(size: unknown, where: string): Uint8Array {
    if (!Number.isSafeInteger(size) || Number(size) < 0) {
      throw invalidRequest(`${where}: binary_data_size is not a number of bytes`);
    }
    const end = this.offset + Number(size);
    if (end > this.bytes.byteLength) {
      const left = this.bytes.byteLength - this.offset;
      throw invalidRequest(`${where}: binary_data_size is ${Number(size)}, and ${left} bytes are left of the body`);
    }
    const data = this.bytes.subarray(this.offset, end);
    this.offset = end;
    return data;
  }

  /** @throws RequestError unless every byte was taken */
  finish(): void {
    const left = this.bytes.byteLength - this.offset;
    if (left > 0) throw invalidRequest(`${left} bytes follow the last binary tensor`);
  }
}

/**
 * Takes a body apart into its JSON and the bytes after it.
 *
 * @param header text of the header that gives the length of the JSON part; absent when there is no binary part
 * @throws RequestError
 */
export function splitBody(
  body: Buffer,
  header: string | undefined,
): { readonly json: Buffer; readonly binary: BinarySection | undefined } {
  if (header === undefined) return { json: body, binary: undefined };
  const length = /^\d{1,10}$/.test(header) ? Number(header) : 0;
  if (length < 1 || length > body.length) {
    throw invalidRequest(`the length of the JSON part is not from 1 to the ${body.length} bytes of the body`);
  }
  return { json: body.subarray(0, length), binary: new BinarySection(body.subarray(length)) };
}
