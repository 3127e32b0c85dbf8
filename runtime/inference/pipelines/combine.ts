import type { Cancellation } from '../../shared/cancellation';
import { inSlices } from '../tensors/slices';
import type { Extent } from '../tensors/slices';
import { DATATYPE_BYTES, elementCount, tensorBytes } from '../tensors/tensor';
import type { Tensor } from '../tensors/tensor';
import { floatsOf, isFloat, packFloats } from '../tensors/values';

/** A tensor of one branch, and how much it counts. Those that are combined have one datatype and one shape. */
export interface Ballot {
  readonly tensor: Tensor;
  readonly weight: number;
}

const totalOf = (ballots: readonly Ballot[]): number => ballots.reduce((sum, { weight }) => sum + weight, 0);

const extentOf = (ballots: readonly Ballot[]): Extent => ({
  count: elementCount(ballots[0]?.tensor.shape ?? [0]),
  bytes: tensorBytes(ballots.map(({ tensor }) => tensor)),
});

/** The mean of floats, element by element, each with its weight; summed in 64 bits, in the order of the branches. */
export async function meanOf(ballots: readonly Ballot[], signal?: Pick<Cancellation, 'aborted'>): Promise<Uint8Array> {
  const [first] = ballots;
  const datatype = first?.tensor.datatype;
  if (datatype === undefined || !isFloat(datatype)) throw new TypeError('a mean is taken of floats');
  const total = totalOf(ballots);
  const size = DATATYPE_BYTES[datatype];
  const mean = new Uint8Array(first?.tensor.data.byteLength ?? 0);
  await inSlices(
    extentOf(ballots),
    (from, to) => {
      const sums = new Float64Array(to - from);
      for (const { tensor, weight } of ballots) {
        const values = floatsOf({ datatype, data: tensor.data.subarray(from * size, to * size) }) ?? sums;
        for (let index = 0; index < sums.length; index++)
          sums[index] = (sums[index] ?? 0) + (weight * (values[index] ?? 0)) / total;
      }
      mean.set(packFloats(datatype, sums), from * size);
    },
    signal,
  );
  return mean;
}

const LENGTH_BYTES = 4;
/** Bytes of an element from which on native code compares and copies it faster. */
const LONG = 64;

/** The elements of one branch, one after the other; texts with their length. No view is made of any short one. */
class Column {
  start = 0;
  end = 0;
  readonly weight: number;
  private readonly data: Uint8Array;
  private readonly view: DataView;
  private readonly size: number | undefined;

  constructor({ tensor: { datatype, data }, weight }: Ballot) {
    this.weight = weight;
    this.data = data;
    this.view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.size = DATATYPE_BYTES[datatype];
  }

  /** Goes on to the next element. */
  next(): void {
    this.start = this.end;
    this.end += this.size ?? LENGTH_BYTES + this.view.getUint32(this.start, true);
  }

  isSame(other: Column): boolean {
    const length = this.end - this.start;
    if (length !== other.end - other.start) return false;
    if (length >= LONG) return Buffer.compare(this.element, other.element) === 0;
    for (let place = 0; place < length; place++) {
      if (this.data[this.start + place] !== other.data[other.start + place]) return false;
    }
    return true;
  }

  /** Writes the element, and tells where it ends there. */
  copyTo(target: Uint8Array, offset: number): number {
    const length = this.end - this.start;
    if (length >= LONG) target.set(this.element, offset);
    else for (let place = 0; place < length; place++) target[offset + place] = this.data[this.start + place] ?? 0;
    return offset + length;
  }

  private get element(): Uint8Array {
    return this.data.subarray(this.start, this.end);
  }
}

/** The column whose value has most weight; among equals the earlier one. */
function winnerOf(columns: readonly Column[], total: number): Column | undefined {
  let winner: Column | undefined;
  let most = -1;
  for (let place = 0; place < columns.length && 2 * most <= total; place++) {
    const column = columns[place];
    let weight = column?.weight ?? 0;
    // A value that an earlier column has, too, weighs no more here than it did there.
    for (let later = place + 1; later < columns.length; later++) {
      const other = columns[later];
      if (column !== undefined && other?.isSame(column)) weight += other.weight;
    }
    if (weight > most) [winner, most] = [column, weight];
  }
  return winner;
}

/** The value that has most weight, element by element; among equals that of the earlier branch. */
export async function voteOf(ballots: readonly Ballot[], signal?: Pick<Cancellation, 'aborted'>): Promise<Uint8Array> {
  const columns = ballots.map((ballot) => new Column(ballot));
  const total = totalOf(ballots);
  const extent = extentOf(ballots);
  const [first] = ballots;
  // The texts that win are no longer than all together. Memory that nothing is written to is not taken.
  const most = first?.tensor.datatype === 'BYTES' ? extent.bytes : first?.tensor.data.byteLength;
  const elected = new Uint8Array(most ?? 0);
  let offset = 0;
  await inSlices(
    extent,
    (from, to) => {
      for (let index = from; index < to; index++) {
        for (const column of columns) column.next();
        offset = winnerOf(columns, total)?.copyTo(elected, offset) ?? offset;
      }
    },
    signal,
  );
  return elected.subarray(0, offset);
}
