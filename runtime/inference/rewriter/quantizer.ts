import { sizeOf, TYPE, viewBytes } from './elements';
import { weight, weightFloats } from './tensor';
import type { Weight } from './tensor';

/** How weights become integers. */
export interface WeightScheme {
  /** A scale for each of the outputs instead of one for all. */
  readonly perChannel: boolean;
  /** Seven bits instead of eight: processors without VNNI add pairs of products in 16 bits, which then never overflow. */
  readonly reduceRange: boolean;
}

/** A weight in integers: `value ≈ scale * integer`. */
export interface QuantizedWeight {
  readonly integers: Int8Array;
  readonly scales: Float32Array;
}

const MOST = 127;
const MOST_REDUCED = 63;
/** Smallest normal FP32: a scale below it would make quotients infinite. */
const LEAST_SCALE = 1.2e-38;

/** True when every value is a finite number. */
export function isFinite32(values: Float32Array): boolean {
  for (const value of values) if (!Number.isFinite(value)) return false;
  return true;
}

function rounded(value: number, factor: number, most: number): number {
  const integer = Math.round(value * factor);
  return integer > most ? most : integer < -most ? -most : integer;
}

/**
 * Rounds values to integers, symmetric around zero. Elements are those of `outer` blocks of `channels` rows of
 * `inner` values; each channel has its scale.
 */
function quantizeChannels(
  values: Float32Array,
  channels: number,
  inner: number,
  reduceRange: boolean,
): QuantizedWeight {
  const most = reduceRange ? MOST_REDUCED : MOST;
  const largest = new Float32Array(channels);
  const stride = channels * inner;
  for (let block = 0; block < values.length; block += stride) {
    for (let channel = 0; channel < channels; channel += 1) {
      let found = largest[channel] ?? 0;
      const start = block + channel * inner;
      for (let index = start; index < start + inner; index += 1) found = Math.max(found, Math.abs(values[index] ?? 0));
      largest[channel] = found;
    }
  }
  const scales = largest.map((size) => (size === 0 ? 1 : Math.max(size / most, LEAST_SCALE)));
  const integers = new Int8Array(values.length);
  for (let block = 0; block < values.length; block += stride) {
    for (let channel = 0; channel < channels; channel += 1) {
      const factor = 1 / (scales[channel] ?? 1);
      const start = block + channel * inner;
      for (let index = start; index < start + inner; index += 1)
        integers[index] = rounded(values[index] ?? 0, factor, most);
    }
  }
  return { integers, scales };
}

/** Quantizes a weight along an axis, or as a whole where there is none. */
export function quantizeWeight(
  of: Weight,
  axis: number | undefined,
  reduceRange: boolean,
): QuantizedWeight | undefined {
  const values = weightFloats(of);
  if (!isFinite32(values)) return undefined;
  if (axis === undefined) return quantizeChannels(values, 1, Math.max(1, values.length), reduceRange);
  const inner = sizeOf(of.dims.slice(axis + 1));
  return quantizeChannels(values, of.dims[axis] ?? 1, Math.max(1, inner), reduceRange);
}

/** Rows and columns of a matrix exchanged. */
export function transposed(of: Int8Array, rows: number, columns: number): Int8Array {
  const turned = new Int8Array(of.length);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) turned[column * rows + row] = of[row * columns + column] ?? 0;
  }
  return turned;
}

/** A constant of signed bytes. */
export const int8Weight = (name: string, dims: readonly number[], values: Int8Array): Weight =>
  weight(name, TYPE.int8, dims, viewBytes(values));

/** A constant of floats. */
export const floatWeight = (name: string, dims: readonly number[], values: ArrayLike<number>): Weight =>
  weight(name, TYPE.float, dims, viewBytes(Float32Array.from(values)));
