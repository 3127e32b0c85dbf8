import { inSlices } from '../tensors/slices';
import { DATATYPE_BYTES } from '../tensors/tensor';
import type { Tensor } from '../tensors/tensor';
import { firstNonFinite, floatsOf, isFloat, isNear } from '../tensors/values';
import type { Tolerance } from '../tensors/values';

/** True when no float of the tensors is NaN or infinite. */
export async function allFinite(tensors: readonly Tensor[]): Promise<boolean> {
  for (const { datatype, data } of tensors) {
    if (!isFloat(datatype)) continue;
    const size = DATATYPE_BYTES[datatype];
    let finite = true;
    await inSlices({ count: data.byteLength / size, bytes: data.byteLength }, (from, to) => {
      finite &&= firstNonFinite({ datatype, data: data.subarray(from * size, to * size) }) === -1;
    });
    if (!finite) return false;
  }
  return true;
}

/** What is wrong with an answer; undefined when it is as expected. */
export function difference(got: Tensor | undefined, expected: Tensor, tolerance: Tolerance): string | undefined {
  const name = `output ${JSON.stringify(expected.name)}`;
  if (got === undefined) return `${name} is missing`;
  if (got.datatype !== expected.datatype) return `${name} is ${got.datatype}, expected ${expected.datatype}`;
  if (got.shape.join() !== expected.shape.join()) {
    return `${name} has shape [${got.shape.join()}], expected [${expected.shape.join()}]`;
  }
  const [a, b] = [floatsOf(got), floatsOf(expected)];
  if (a === undefined || b === undefined) {
    return Buffer.compare(got.data, expected.data) === 0 ? undefined : `${name} differs`;
  }
  for (let index = 0; index < b.length; index += 1) {
    const [x = Number.NaN, y = Number.NaN] = [a[index], b[index]];
    if (!isNear(x, y, tolerance)) return `${name} has ${x} at ${index}, expected ${y}`;
  }
  return undefined;
}
