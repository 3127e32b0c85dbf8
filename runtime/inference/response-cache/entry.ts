import { createHash } from 'node:crypto';
import { isDatatype } from '../tensors/tensor';
import type { Tensor } from '../tensors/tensor';

/** The outputs of an answer. */
export type Outputs = readonly Tensor[];

const DIGEST_BYTES = 32;
const LENGTH_BYTES = 4;
/** What an entry takes beside its tensors, about. */
const OVERHEAD = 512;

/** Bytes that outputs take in memory, about. */
export const sizeOf = (outputs: Outputs): number =>
  outputs.reduce((sum, { name, data }) => sum + 2 * name.length + data.byteLength, OVERHEAD);

/** Outputs with memory of their own: what a run answers with may be a part of something larger. */
export const copyOf = (outputs: Outputs): Outputs =>
  outputs.map(({ name, datatype, shape, data }) => ({ name, datatype, shape, data: new Uint8Array(data) }));

const digestOf = (key: string, body: Uint8Array): Buffer => createHash('sha256').update(key).update(body).digest();

/** Writes an entry: a digest over its key and all the rest, the length of the heads, the heads, the tensors. */
export function encodeEntry(key: string, outputs: Outputs): Buffer {
  const heads = Buffer.from(
    JSON.stringify(outputs.map(({ name, datatype, shape, data }) => [name, datatype, shape, data.byteLength])),
  );
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(heads.length);
  const body = Buffer.concat([length, heads, ...outputs.map(({ data }) => data)]);
  return Buffer.concat([digestOf(key, body), body]);
}

type Head = readonly [name: string, datatype: Tensor['datatype'], shape: readonly number[], bytes: number];

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function isHead(value: unknown): value is Head {
  if (!Array.isArray(value)) return false;
  const [name, datatype, shape, bytes] = value as readonly unknown[];
  return (
    typeof name === 'string' && isDatatype(datatype) && Array.isArray(shape) && shape.every(isSize) && isSize(bytes)
  );
}

function headsOf(text: string): readonly Head[] | undefined {
  const value: unknown = JSON.parse(text);
  return Array.isArray(value) && value.every(isHead) ? value : undefined;
}

/** Reads an entry; undefined for one that is not whole, or belongs to another key. */
export function decodeEntry(key: string, entry: Uint8Array): Outputs | undefined {
  const buffer = Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength);
  if (buffer.length < DIGEST_BYTES + LENGTH_BYTES) return undefined;
  const body = buffer.subarray(DIGEST_BYTES);
  if (!digestOf(key, body).equals(buffer.subarray(0, DIGEST_BYTES))) return undefined;
  let offset = LENGTH_BYTES + body.readUInt32BE(0);
  const heads = headsOf(body.toString('utf8', LENGTH_BYTES, offset));
  return heads?.map(([name, datatype, shape, bytes]) => {
    const data = new Uint8Array(body.subarray(offset, offset + bytes));
    offset += bytes;
    return { name, datatype, shape, data };
  });
}
