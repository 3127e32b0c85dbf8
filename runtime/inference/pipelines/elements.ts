import { firstElement } from '../tensors/bytes';
import { elementCount } from '../tensors/tensor';
import type { Tensor } from '../tensors/tensor';
import { elementReader } from '../tensors/values';

const LENGTH_BYTES = 4;

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
  let place = 0;
  let text: string | undefined;
  firstElement(data, (start, end) => {
    if (place++ < index) return false;
    text = Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('utf8');
    return true;
  });
  return text;
}

/** One element, in row-major order from 0; undefined beyond the last. 64-bit integers are exact. */
export function elementAt(tensor: Tensor, index: number): number | bigint | boolean | string | undefined {
  if (index >= elementCount(tensor.shape)) return undefined;
  const read = elementReader(tensor);
  if (read === undefined) return textAt(tensor.data, index);
  return tensor.datatype === 'BOOL' ? read(index) !== 0 : read(index);
}
