import { halfAt } from '../tensors/half';
import type { Datatype, Tensor } from '../tensors/tensor';

type Reader = (view: DataView, index: number) => number;

const READERS: { readonly [D in Exclude<Datatype, 'BYTES'>]: Reader } = {
  BOOL: (view, index) => view.getUint8(index),
  UINT8: (view, index) => view.getUint8(index),
  UINT16: (view, index) => view.getUint16(2 * index, true),
  UINT32: (view, index) => view.getUint32(4 * index, true),
  UINT64: (view, index) => Number(view.getBigUint64(8 * index, true)),
  INT8: (view, index) => view.getInt8(index),
  INT16: (view, index) => view.getInt16(2 * index, true),
  INT32: (view, index) => view.getInt32(4 * index, true),
  INT64: (view, index) => Number(view.getBigInt64(8 * index, true)),
  FP16: (view, index) => halfAt(view, 2 * index),
  FP32: (view, index) => view.getFloat32(4 * index, true),
  FP64: (view, index) => view.getFloat64(8 * index, true),
};

/** Reads single elements of a tensor as numbers; undefined for text. */
export function elementReader({ datatype, data }: Tensor): ((index: number) => number) | undefined {
  if (datatype === 'BYTES') return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const read = READERS[datatype];
  return (index) => read(view, index);
}
