import type { Tensor } from '../tensors/tensor';
import { firstNonFinite, floatsOf } from '../tensors/values';

/** How far numbers may lie from what is expected. */
export interface Tolerance {
  readonly absolute: number;
  /** As a share of the expected number. */
  readonly relative: number;
}

/** True when no float of the tensors is NaN or infinite. */
export const allFinite = (tensors: readonly Tensor[]): boolean =>
  tensors.every((tensor) => firstNonFinite(tensor) === -1);

function near(got: number, expected: number, { absolute, relative }: Tolerance): boolean {
  if (Object.is(got, expected) || got === expected) return true;
  return Math.abs(got - expected) <= absolute + relative * Math.abs(expected);
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
    if (!near(x, y, tolerance)) return `${name} has ${x} at ${index}, expected ${y}`;
  }
  return undefined;
}
