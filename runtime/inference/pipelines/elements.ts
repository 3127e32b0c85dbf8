import { halfAt } from '../tensors/half';
import { elementCount } from '../tensors/tensor';
import type { Datatype, Tensor } from '../tensors/tensor';

type Read = (view: DataView, offset: number) => number | bigint | boolean;

const LENGTH_BYTES = 4;

const READ: Readonly<Record<Exclude<Datatype, 'BYTES'>, readonly [bytes: number, read: Read]>> = {
  BOOL: [1, (view, offset) => view.getUint8(offset) !== 0],
  UINT8: [1, (view, offset) => view.getUint8(offset)],
  UINT16: [2, (view, offset) => view.getUint16(offset, true)],
  UINT32: [4, (view, offset) => view.getUint32(offset, true)],
  UINT64: [8, (view, offset) => view.getBigUint64(offset, true)],
  INT8: [1, (view, offset) => view.getInt8(offset)],
  INT16: [2, (view, offset) => view.getInt16(offset, true)],
  INT32: [4, (view, offset) => view.getInt32(offset, true)],
  INT64: [8, (view, offset) => view.getBigInt64(offset, true)],
  FP16: [2, (view, offset) => halfAt(view, offset)],
  FP32: [4, (view, offset) => view.getFloat32(offset, true)],
  FP64: [8, (view, offset) => view.getFloat64(offset, true)],
};

/** Where each element of a BYTES tensor begins and ends, its length not counted. */
export function textRanges(data: Uint8Array): readonly (readonly [start: number, end: number])[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const ranges: (readonly [number, number])[] = [];
  for (let offset = 0; offset < data.byteLength;) {
    const start = offset + LENGTH_BYTES;
    offset = start + view.getUint32(offset, true);
    ranges.push([start, offset]);
  }
  return ranges;
}

function textAt(data: Uint8Array, index: number): string | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let offset = 0;
  for (let place = 0; offset < data.byteLength; place++) {
    const start = offset + LENGTH_BYTES;
    offset = start + view.getUint32(offset, true);
    if (place === index) return Buffer.from(data.buffer, data.byteOffset + start, offset - start).toString('utf8');
  }
  return undefined;
}

/** One element, in row-major order from 0; undefined beyond the last. 64-bit integers are exact. */
export function elementAt(
  { datatype, shape, data }: Tensor,
  index: number,
): number | bigint | boolean | string | undefined {
  if (index >= elementCount(shape)) return undefined;
  if (datatype === 'BYTES') return textAt(data, index);
  const [bytes, read] = READ[datatype];
  return read(new DataView(data.buffer, data.byteOffset, data.byteLength), index * bytes);
}
