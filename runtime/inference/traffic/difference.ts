import { DATATYPE_BYTES } from '../tensors/tensor';
import type { Tensor } from '../tensors/tensor';
import { isFloat, isNear, numberReader } from '../tensors/values';
import type { Tolerance } from '../tensors/values';

/** How one answer differs from another. */
export interface Difference {
  /** True when both have the same outputs, and numbers lie within the tolerance. */
  readonly same: boolean;
  /** The largest deviation, as a share of what was expected; undefined where there are no numbers to compare. */
  readonly deviation: number | undefined;
}

/** Numbers of an answer that are compared, evenly spread: more would hold up the requests that someone waits for. */
const MOST_NUMBERS = 65_536;
/** What expected numbers count as at least, where deviations are put in relation to them. */
const SMALL = 1e-6;

const DIFFERENT: Difference = { same: false, deviation: undefined };

/** Compares the numbers of two outputs of one size; undefined where they hold no floats. */
function compareNumbers(got: Tensor, expected: Tensor, tolerance: Tolerance, most: number): Difference | undefined {
  const [a, b] = [numberReader(got), numberReader(expected)];
  if (a === undefined || b === undefined || !isFloat(expected.datatype)) return undefined;
  const count = expected.data.byteLength / DATATYPE_BYTES[expected.datatype];
  const stride = Math.max(1, Math.ceil(count / most));
  let same = true;
  let deviation = 0;
  for (let index = 0; index < count; index += stride) {
    const [x, y] = [a(index), b(index)];
    if (x === y || Object.is(x, y)) continue;
    if (!isNear(x, y, tolerance)) same = false;
    const gap = Math.abs(x - y);
    deviation = Math.max(deviation, Number.isFinite(gap) ? gap / Math.max(Math.abs(y), SMALL) : Infinity);
  }
  return { same, deviation };
}

function compareOutput(got: Tensor | undefined, expected: Tensor, tolerance: Tolerance, most: number): Difference {
  if (got?.datatype !== expected.datatype || got.shape.join() !== expected.shape.join()) return DIFFERENT;
  if (got.data.byteLength !== expected.data.byteLength) return DIFFERENT;
  const bytes = (): Difference => ({ same: Buffer.compare(got.data, expected.data) === 0, deviation: undefined });
  return compareNumbers(got, expected, tolerance, most) ?? bytes();
}

/** Compares two answers to the same request. */
export function compareOutputs(got: readonly Tensor[], expected: readonly Tensor[], tolerance: Tolerance): Difference {
  if (got.length !== expected.length) return DIFFERENT;
  const most = Math.max(1, Math.floor(MOST_NUMBERS / Math.max(1, expected.length)));
  const all = expected.map((each) => {
    const other = got.find(({ name }) => name === each.name);
    return compareOutput(other, each, tolerance, most);
  });
  const deviations = all.flatMap(({ deviation }) => deviation ?? []);
  return {
    same: all.every(({ same }) => same),
    deviation: deviations.length === 0 ? undefined : Math.max(...deviations),
  };
}
