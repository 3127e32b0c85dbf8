import { ELEMENT_BITS } from '../inspector/schema';
import { halfBits } from '../tensors/half';

/** Element types of ONNX that the rewriters make or look at. */
export const TYPE = {
  float: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  bfloat16: 16,
} as const;

/** Bytes of a tensor of a type and a number of elements. */
export const bytesOf = (type: number, elements: number): number =>
  Math.ceil((elements * (ELEMENT_BITS[type] ?? 0)) / 8);

/** Number of elements of a shape. */
export const sizeOf = (dims: readonly number[]): number => dims.reduce((product, size) => product * size, 1);

/** Views bytes as 32-bit floats, copying only where they are not aligned. */
export function floatsOf(bytes: Uint8Array): Float32Array {
  const at = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
  return new Float32Array(at.buffer, at.byteOffset, at.byteLength / 4);
}

/** The bytes of a list of numbers. */
export const viewBytes = (list: ArrayBufferView): Uint8Array =>
  new Uint8Array(list.buffer, list.byteOffset, list.byteLength);

/** Largest finite FP16, and the least that is rounded to no zero without losing all its digits. */
const FLOAT16 = { most: 65504, least: 1e-7 } as const;

/** True for finite numbers beyond the largest FP16. */
export const isBeyondHalf = (value: number): boolean => Math.abs(value) > FLOAT16.most && Number.isFinite(value);

/** What became of the values that FP16 cannot hold. */
export interface HalfCounts {
  /** Values beyond the largest, which became the largest. */
  clamped: number;
  /** Values so small that they became the least that is kept. */
  raised: number;
}

/**
 * FP32 as FP16. What is too large becomes the largest finite number and what would become zero the least, each with
 * its sign: masks of -1e9 stay masks, and nothing is divided by zero that was not before. NaN and infinity stay.
 */
export function toHalf(values: Float32Array, counts: HalfCounts): Uint16Array {
  const halves = new Uint16Array(values.length);
  for (let index = 0; index < values.length; index += 1) {
    let value = values[index] ?? 0;
    const size = Math.abs(value);
    if (isBeyondHalf(value)) {
      counts.clamped += 1;
      value = Math.sign(value) * FLOAT16.most;
    } else if (size < FLOAT16.least && size > 0) {
      counts.raised += 1;
      value = Math.sign(value) * FLOAT16.least;
    }
    halves[index] = halfBits(value);
  }
  return halves;
}
