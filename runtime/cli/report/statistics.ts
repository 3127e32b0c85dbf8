/** Quantiles of a sample, in the unit of the sample. */
export interface Summary {
  readonly count: number;
  readonly mean: number;
  readonly min: number;
  readonly p50: number;
  readonly p75: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** A class of a histogram: values from `from` up to, and without, `to`. */
export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** The smallest value that at least this share of a sorted sample does not exceed (nearest rank). NaN for none. */
export function quantile(ascending: ArrayLike<number>, share: number): number {
  const { length } = ascending;
  const rank = Math.ceil(length * share - 1e-9);
  return ascending[Math.min(Math.max(rank, 1), length) - 1] ?? Number.NaN;
}

/** Quantiles of a sample; undefined for an empty one. */
export function summarize(values: readonly number[]): Summary | undefined {
  if (values.length === 0) return undefined;
  const ascending = Float64Array.from(values).sort();
  const at = (share: number): number => quantile(ascending, share);
  const mean = ascending.reduce((sum, value) => sum + value, 0) / ascending.length;
  return {
    ...{ count: values.length, mean, min: at(0), p50: at(0.5), p75: at(0.75), p90: at(0.9), p95: at(0.95) },
    ...{ p99: at(0.99), p999: at(0.999), max: at(1) },
  };
}

/** Classes per factor of ten. */
const PER_DECADE = 8;
const MOST_BINS = 64;

/** Classes of equal width on a logarithmic scale, from the smallest to the largest value; values up to 1 µs are one. */
export function logHistogram(values: readonly number[], least = 1e-3): readonly Bin[] {
  if (values.length === 0) return [];
  const indexOf = (value: number): number => Math.floor(Math.log10(Math.max(value, least)) * PER_DECADE);
  const counts = new Map<number, number>();
  for (const value of values) counts.set(indexOf(value), (counts.get(indexOf(value)) ?? 0) + 1);
  const indices = [...counts.keys()];
  const last = indices.reduce((a, b) => Math.max(a, b));
  const first = Math.max(
    indices.reduce((a, b) => Math.min(a, b)),
    last - MOST_BINS + 1,
  );
  return Array.from({ length: last - first + 1 }, (_, offset) => {
    const index = first + offset;
    const from = 10 ** (index / PER_DECADE);
    return { from, to: 10 ** ((index + 1) / PER_DECADE), count: counts.get(index) ?? 0 };
  });
}

/** A reproducible source of numbers from 0 up to, and without, 1 (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
