import { invalidRequest } from '../errors';
import { DATATYPE_BYTES } from '../tensors/tensor';
import type { Datatype, Tensor } from '../tensors/tensor';
import type { ContentsKey, InferTensorContents, Int64 } from './messages';

/** Member of the contents that holds elements of a datatype; FP16 has none. */
const CONTENTS: { readonly [D in Datatype]?: ContentsKey } = {
  BOOL: 'bool_contents',
  INT8: 'int_contents',
  INT16: 'int_contents',
  INT32: 'int_contents',
  INT64: 'int64_contents',
  UINT8: 'uint_contents',
  UINT16: 'uint_contents',
  UINT32: 'uint_contents',
  UINT64: 'uint64_contents',
  FP32: 'fp32_contents',
  FP64: 'fp64_contents',
  BYTES: 'bytes_contents',
};

const LITTLE = true;
const LENGTH_BYTES = 4;

/** Range of the datatypes that share a member with a larger one. */
const NARROW: { readonly [D in Datatype]?: readonly [min: number, max: number] } = {
  INT8: [-128, 127],
  INT16: [-32_768, 32_767],
  UINT8: [0, 255],
  UINT16: [0, 65_535],
};

function packInt64(values: readonly Int64[]): Uint8Array {
  const words = new Uint32Array(values.length * 2);
  values.forEach(({ low, high }, index) => {
    words[2 * index] = low;
    words[2 * index + 1] = high;
  });
  return new Uint8Array(words.buffer);
}

function packBytes(values: readonly Uint8Array[]): Uint8Array {
  const total = values.reduce((sum, { length }) => sum + LENGTH_BYTES + length, 0);
  const data = new Uint8Array(total);
  const view = new DataView(data.buffer);
  let offset = 0;
  for (const value of values) {
    view.setUint32(offset, value.length, LITTLE);
    data.set(value, offset + LENGTH_BYTES);
    offset += LENGTH_BYTES + value.length;
  }
  return data;
}

interface NumberArray {
  from(values: readonly number[]): { readonly buffer: ArrayBufferLike };
}

const ARRAYS: { readonly [D in Datatype]?: NumberArray } = {
  ...{ INT8: Int8Array, INT16: Int16Array, INT32: Int32Array },
  ...{ UINT8: Uint8Array, UINT16: Uint16Array, UINT32: Uint32Array, FP64: Float64Array },
};

function packNumbers(datatype: Datatype, values: readonly number[], where: string): Uint8Array {
  const range = NARROW[datatype];
  const stranger = range && values.find((value) => value < range[0] || value > range[1]);
  if (range !== undefined && stranger !== undefined) {
    throw invalidRequest(`${where}: ${stranger} is not an integer from ${range[0]} to ${range[1]}`);
  }
  const { buffer } = (ARRAYS[datatype] ?? Float32Array).from(values);
  return new Uint8Array(buffer);
}

/**
 * Writes the typed contents of a tensor in the protocol's binary form.
 *
 * @throws RequestError for elements in another member, too few, too many or out of range
 */
export function packContents(
  datatype: Datatype,
  contents: InferTensorContents,
  count: number,
  where: string,
): Uint8Array {
  const key = CONTENTS[datatype];
  if (key === undefined) throw invalidRequest(`${where}: ${datatype} travels in raw_input_contents only`);
  const other = Object.values(CONTENTS).find((each) => each !== key && contents[each].length > 0);
  if (other !== undefined) throw invalidRequest(`${where}: contents has ${other}; ${datatype} takes ${key}`);
  const values = contents[key];
  if (values.length !== count) {
    throw invalidRequest(`${where}: shape has ${count} elements, ${key} has ${values.length}`);
  }
  if (key === 'bool_contents') return Uint8Array.from(contents.bool_contents, (value) => (value ? 1 : 0));
  if (key === 'int64_contents' || key === 'uint64_contents') return packInt64(contents[key]);
  if (key === 'bytes_contents') return packBytes(contents.bytes_contents);
  return packNumbers(datatype, contents[key], where);
}

function unpackBytes(data: Uint8Array): Uint8Array[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const values: Uint8Array[] = [];
  for (let offset = 0; offset < data.length;) {
    const start = offset + LENGTH_BYTES;
    offset = start + view.getUint32(offset, LITTLE);
    values.push(data.subarray(start, offset));
  }
  return values;
}

function unpack<T>(data: Uint8Array, size: number, read: (view: DataView, offset: number) => T): T[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Array.from({ length: data.length / size }, (_, index) => read(view, index * size));
}

const READERS: { readonly [D in Exclude<Datatype, 'BYTES' | 'FP16'>]: (view: DataView, offset: number) => unknown } = {
  BOOL: (view, offset) => view.getUint8(offset) !== 0,
  INT8: (view, offset) => view.getInt8(offset),
  INT16: (view, offset) => view.getInt16(offset, LITTLE),
  INT32: (view, offset) => view.getInt32(offset, LITTLE),
  UINT8: (view, offset) => view.getUint8(offset),
  UINT16: (view, offset) => view.getUint16(offset, LITTLE),
  UINT32: (view, offset) => view.getUint32(offset, LITTLE),
  INT64: (view, offset) => int64(view, offset, false),
  UINT64: (view, offset) => int64(view, offset, true),
  FP32: (view, offset) => view.getFloat32(offset, LITTLE),
  FP64: (view, offset) => view.getFloat64(offset, LITTLE),
};

function int64(view: DataView, offset: number, unsigned: boolean): object {
  return { low: view.getInt32(offset, LITTLE), high: view.getInt32(offset + 4, LITTLE), unsigned };
}

/** The elements of a tensor as typed contents; undefined for a datatype that has none. */
export function unpackContents(tensor: Tensor): { readonly [K in ContentsKey]?: readonly unknown[] } | undefined {
  const { datatype, data } = tensor;
  const key = CONTENTS[datatype];
  if (key === undefined || datatype === 'FP16') return undefined;
  const values = datatype === 'BYTES' ? unpackBytes(data) : unpack(data, DATATYPE_BYTES[datatype], READERS[datatype]);
  return { [key]: values };
}
