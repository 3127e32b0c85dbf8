import type { Tensor } from '../tensors/tensor';
import { floatsOf } from '../tensors/values';
import type { Floats } from '../tensors/values';

/**
 * Shares of the largest value that a row alone may differ by from the same row in a batch. Graphs that quantize by all
 * rows of a batch show up to 5 % of what is seen in the whole output, and up to a fifth of what is seen at a place whose
 * values happen to be small; rows that influence one another show most of what is seen at their place. Sums in another
 * order differ in their last digits.
 */
const TOLERANCE = { whole: 0.05, place: 0.25, rounding: 1e-6 } as const;

/** One axis of an output: the largest value of each slice across it. */
interface Axis {
  readonly size: number;
  readonly stride: number;
  readonly largest: Float64Array;
}

/** Axes but the first, which is that of the rows. */
function axesOf(shape: readonly number[]): Axis[] {
  let stride = 1;
  return shape
    .slice(1)
    .toReversed()
    .map((size) => {
      const axis = { size, stride, largest: new Float64Array(size) };
      stride *= size;
      return axis;
    });
}

const slotOf = ({ size, stride }: Axis, index: number): number => Math.floor(index / stride) % size;

/** How large the values of an output are, by place: one output may hold logits beside probabilities. */
class Scales {
  private readonly axes: readonly Axis[];
  private whole = 0;

  constructor(shape: readonly number[]) {
    this.axes = axesOf(shape);
  }

  /** Looks at any number of rows. */
  see(values: Floats): void {
    for (let index = 0; index < values.length; index++) {
      const size = Math.abs(values[index] ?? 0);
      if (!Number.isFinite(size)) continue;
      this.whole = Math.max(this.whole, size);
      for (const axis of this.axes) {
        const slot = slotOf(axis, index);
        if (size > (axis.largest[slot] ?? 0)) axis.largest[slot] = size;
      }
    }
  }

  /** What two values at this place of a row may differ by. */
  allowed(index: number): number {
    let scale = this.whole;
    for (const axis of this.axes) scale = Math.min(scale, axis.largest[slotOf(axis, index)] ?? 0);
    return Math.min(TOLERANCE.whole * this.whole, TOLERANCE.place * scale) + TOLERANCE.rounding * this.whole;
  }
}

/** One output of a model: of rows that ran alone, and of the same rows in a batch with others. */
export interface Compared {
  readonly alone: readonly Tensor[];
  readonly shared: readonly Tensor[];
  /** That of the whole batch, from which scales are told, too. */
  readonly batch: Tensor;
}

/** True where rows are in a batch what they are alone, but for rounding. */
export function alike({ alone, shared, batch }: Compared): boolean {
  const scales = new Scales(batch.shape);
  for (const tensor of [...alone, batch]) scales.see(floatsOf(tensor) ?? new Float32Array());
  return alone.every((tensor, row) => {
    const other = shared[row];
    if (other === undefined || tensor.data.byteLength !== other.data.byteLength) return false;
    const [a, b] = [floatsOf(tensor), floatsOf(other)];
    if (a === undefined || b === undefined) return Buffer.compare(tensor.data, other.data) === 0;
    return a.every((value, index) => {
      const found = b[index] ?? Number.NaN;
      return Object.is(value, found) || Math.abs(value - found) <= scales.allowed(index);
    });
  });
}
