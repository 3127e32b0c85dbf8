const COUNT = 2 ** 16;
const LEAST = 2 ** -24;
const BIAS = { half: 15, double: 1023 } as const;
const EXPONENT = { half: 31, double: 2047 } as const;
const INFINITE = 0x7c00;
const NOT_A_NUMBER = 0x7e00;

const cell = new Float64Array(1);
const words = new Uint32Array(cell.buffer);

let table: Float32Array | undefined;

function valueOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & EXPONENT.half;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * LEAST;
  if (exponent === EXPONENT.half) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - BIAS.half);
}

/** The values of all FP16, by their bits: looked up a hundred times faster than they are computed. */
export const halfValues = (): Float32Array =>
  (table ??= Float32Array.from({ length: COUNT }, (_, bits) => valueOf(bits)));

/** Bits of the FP16 nearest to a number; of two that are as near, the even one. */
export function halfBits(value: number): number {
  cell[0] = value;
  const [low = 0, high = 0] = [words[0], words[1]];
  const sign = (high >>> 16) & 0x8000;
  const biased = (high >>> 20) & EXPONENT.double;
  if (biased === EXPONENT.double) return Number.isNaN(value) ? NOT_A_NUMBER : sign | INFINITE;
  const exponent = biased - BIAS.double;
  if (exponent > BIAS.half) return sign | INFINITE;
  // Less than half of the least one.
  if (exponent < -25) return sign;
  const isNormal = exponent > -BIAS.half;
  const fraction = (high & 0xfffff) | (isNormal ? 0 : 0x100000);
  const shift = isNormal ? 10 : -4 - exponent;
  const bits = (isNormal ? (exponent + BIAS.half) << 10 : 0) | (fraction >>> shift);
  const half = 1 << (shift - 1);
  const lost = fraction & (2 * half - 1);
  const isUp = lost > half || (lost === half && (low !== 0 || (bits & 1) === 1));
  // A carry out of the fraction is the next exponent, and beyond the largest one infinity, as the format intends.
  return sign | (isUp ? bits + 1 : bits);
}

/** The FP16 nearest to a number. */
export const roundHalf = (value: number): number => halfValues()[halfBits(value)] ?? Number.NaN;

/** The FP16 at an offset in bytes. */
export const halfAt = (view: DataView, offset: number): number =>
  halfValues()[view.getUint16(offset, true)] ?? Number.NaN;

/** FP16 as numbers. */
export function unpackHalves(data: Uint8Array): Float32Array {
  const { buffer, byteOffset, byteLength } = data.byteOffset % 2 === 0 ? data : Uint8Array.from(data);
  const halves = new Uint16Array(buffer, byteOffset, byteLength / 2);
  const values = new Float32Array(halves.length);
  const known = halfValues();
  for (let index = 0; index < halves.length; index++) values[index] = known[halves[index] ?? 0] ?? 0;
  return values;
}

/** Numbers as FP16. */
export function packHalves(values: ArrayLike<number>): Uint8Array {
  const halves = new Uint16Array(values.length);
  for (let index = 0; index < values.length; index++) halves[index] = halfBits(values[index] ?? 0);
  return new Uint8Array(halves.buffer);
}
