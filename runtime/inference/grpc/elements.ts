import { bytesOf } from '../tensors/bytes';
import { DATATYPE_BYTES } from '../tensors/tensor';
import type { Datatype, Tensor } from '../tensors/tensor';
import type { ContentsKey } from './messages';

/** Member of the contents that holds elements of a datatype; FP16 has none. */
export const CONTENTS: { readonly [D in Datatype]?: ContentsKey } = {
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
  const values = datatype === 'BYTES' ? bytesOf(data) : unpack(data, DATATYPE_BYTES[datatype], READERS[datatype]);
  return { [key]: values };
}
