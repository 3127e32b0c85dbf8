import { firstElement } from '../tensors/bytes';
import { elementCount } from '../tensors/tensor';
import type { Tensor } from '../tensors/tensor';
import { elementReader } from '../tensors/values';

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
