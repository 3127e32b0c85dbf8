import { DATATYPE_BYTES } from '../tensors/tensor';
import type { Tensor } from '../tensors/tensor';
import { floatsOf, isFloat, packFloats } from '../tensors/values';
import { textRanges } from './elements';

/** A tensor of one branch, and how much it counts. */
export interface Ballot {
  readonly tensor: Tensor;
  readonly weight: number;
}

/** The mean of floats, element by element, each with its weight; summed in 64 bits, in the order of the branches. */
export function meanOf(ballots: readonly Ballot[]): Uint8Array {
  const [first] = ballots;
  const datatype = first?.tensor.datatype;
  if (datatype === undefined || !isFloat(datatype)) throw new TypeError('a mean is taken of floats');
  const total = ballots.reduce((sum, { weight }) => sum + weight, 0);
  let sums = new Float64Array();
  for (const { tensor, weight } of ballots) {
    const values = floatsOf(tensor) ?? sums;
    if (sums.length === 0) sums = new Float64Array(values.length);
    for (let index = 0; index < sums.length; index++)
      sums[index] = (sums[index] ?? 0) + (weight * (values[index] ?? 0)) / total;
  }
  return packFloats(datatype, sums);
}

/** The elements of a tensor as bytes, those of texts without their length. */
function elementsOf({ datatype, data }: Tensor): readonly Uint8Array[] {
  if (datatype === 'BYTES') return textRanges(data).map(([start, end]) => data.subarray(start - 4, end));
  const size = DATATYPE_BYTES[datatype];
  return Array.from({ length: data.byteLength / size }, (_, index) => data.subarray(size * index, size * (index + 1)));
}

/** The value that has most weight, element by element; among equals that of the earlier branch. */
export function voteOf(ballots: readonly Ballot[]): Uint8Array {
  const columns = ballots.map(({ tensor }) => elementsOf(tensor));
  const winners = (columns[0] ?? []).map((_, index) => {
    const weights = new Map<string, { readonly value: Uint8Array; weight: number }>();
    columns.forEach((column, branch) => {
      const value = column[index] ?? new Uint8Array();
      const key = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1');
      const entry = weights.get(key) ?? { value, weight: 0 };
      entry.weight += ballots[branch]?.weight ?? 0;
      weights.set(key, entry);
    });
    // A map keeps the order in which values came, and only more weight takes the place of the first.
    return [...weights.values()].reduce((best, entry) => (entry.weight > best.weight ? entry : best)).value;
  });
  return Buffer.concat(winners);
}
