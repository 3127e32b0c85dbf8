import { elementCount } from '../../inference/tensors/tensor';
import type { Tensor } from '../../inference/tensors/tensor';
import type { Toolkit } from './toolkit';

/** Before each text of a tensor stands its length. */
const TEXT_LENGTH_BYTES = 4;

/** How an output of a new model compares with that of the original. */
export interface OutputStatistics {
  readonly output: string;
  /** Largest difference of two numbers. */
  readonly maxDifference: number;
  /** Root of the mean square of the differences, as a share of that of the numbers. */
  readonly relativeError: number;
  /** Rows whose choices were compared; 0 for an output without choices. */
  readonly rows: number;
  /**
   * Share of the rows with the same choice: the same largest number of the last dimension, or the same integers; 1 where
   * there are no choices.
   */
  readonly agreement: number;
  /** True for an output of integers, booleans or texts: whole rows are compared. */
  readonly exact: boolean;
  /** Numbers that are NaN or infinite in the new model alone, and all of an answer that has another shape there. */
  readonly notFinite: number;
}

/** The index of the largest number in each row of the last dimension; undefined where there is nothing to choose from. */
function choices(values: ArrayLike<number>, shape: readonly number[]): number[] | undefined {
  const width = shape.at(-1) ?? 1;
  if (shape.length < 2 || width < 2) return undefined;
  return Array.from({ length: values.length / width }, (_, row) => {
    let best = 0;
    for (let at = 1; at < width; at += 1) {
      if ((values[row * width + at] ?? 0) > (values[row * width + best] ?? 0)) best = at;
    }
    return best;
  });
}

const sameShape = (a: Tensor, b: Tensor): boolean =>
  a.shape.length === b.shape.length && a.shape.every((size, at) => size === b.shape[at]);

/** The elements of each row, by the first dimension: texts have no common width. */
function exactRows({ datatype, data, shape }: Tensor): readonly Uint8Array[] {
  const rows = Math.max(1, shape[0] ?? 1);
  if (datatype !== 'BYTES') {
    const width = data.byteLength / rows;
    return Array.from({ length: rows }, (_, row) => data.subarray(row * width, (row + 1) * width));
  }
  const texts = elementCount(shape) / rows;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let at = 0;
  return Array.from({ length: rows }, () => {
    const from = at;
    for (let text = 0; text < texts; text += 1) at += TEXT_LENGTH_BYTES + view.getUint32(at, true);
    return data.subarray(from, at);
  });
}

/** Collects how an output differs. */
export class Comparison {
  private largest = 0;
  private differences = 0;
  private squares = 0;
  private rows = 0;
  private agreeing = 0;
  private notFinite = 0;
  private exact = false;

  constructor(
    private readonly output: string,
    private readonly toolkit: Pick<Toolkit, 'floatsOf'>,
  ) {}

  /** Compares two answers to the same request. */
  add(original: Tensor, changed: Tensor): void {
    const [before, after] = [this.toolkit.floatsOf(original), this.toolkit.floatsOf(changed)];
    if (before === undefined || after === undefined) this.addExact(original, changed);
    else if (!sameShape(original, changed)) this.notFinite += Math.max(1, before.length, after.length);
    else this.addFloats(before, after, original.shape);
  }

  get statistics(): OutputStatistics {
    return {
      output: this.output,
      maxDifference: this.largest,
      relativeError: this.squares === 0 ? Math.sqrt(this.differences) : Math.sqrt(this.differences / this.squares),
      rows: this.rows,
      agreement: this.rows === 0 ? 1 : this.agreeing / this.rows,
      exact: this.exact,
      notFinite: this.notFinite,
    };
  }

  private addFloats(before: ArrayLike<number>, after: ArrayLike<number>, shape: readonly number[]): void {
    for (let index = 0; index < before.length; index += 1) {
      const [x, y] = [before[index] ?? 0, after[index] ?? 0];
      if (!Number.isFinite(x)) continue;
      if (!Number.isFinite(y)) {
        this.notFinite += 1;
        continue;
      }
      const difference = Math.abs(x - y);
      if (difference > this.largest) this.largest = difference;
      this.differences += difference * difference;
      this.squares += x * x;
    }
    const [chosen, chosenNow] = [choices(before, shape), choices(after, shape)];
    if (chosen === undefined || chosenNow === undefined) return;
    this.rows += chosen.length;
    this.agreeing += chosen.filter((choice, row) => choice === chosenNow[row]).length;
  }

  private addExact(original: Tensor, changed: Tensor): void {
    this.exact = true;
    if (original.datatype !== changed.datatype || !sameShape(original, changed)) {
      this.rows += Math.max(1, original.shape[0] ?? 1, changed.shape[0] ?? 1);
      return;
    }
    const [before, after] = [exactRows(original), exactRows(changed)];
    this.rows += before.length;
    this.agreeing += before.filter((row, at) => Buffer.compare(row, after[at] ?? new Uint8Array()) === 0).length;
  }
}

/** The class of each row that an answer names; undefined where it names none. */
export function classesOf(answer: Tensor, rows: number, toolkit: Pick<Toolkit, 'floatsOf'>): number[] | undefined {
  const { datatype, data, shape } = answer;
  const floats = toolkit.floatsOf(answer);
  if (floats) {
    const chosen = choices(floats, shape);
    return chosen?.length === rows ? chosen : undefined;
  }
  const bytes = Uint8Array.from(data);
  const integers =
    datatype === 'INT64'
      ? Array.from(new BigInt64Array(bytes.buffer), Number)
      : datatype === 'INT32'
        ? Array.from(new Int32Array(bytes.buffer))
        : undefined;
  return integers?.length === rows ? integers : undefined;
}
