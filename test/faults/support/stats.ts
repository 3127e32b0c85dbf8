/** A quantile of some numbers; 0 of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

/** The mean of some numbers; 0 of none. */
export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

/** Slope of a straight line through values at 0, 1, 2 …, by the medians of all pairs: outliers do not bend it. */
export function slope(values: readonly number[]): number {
  const slopes: number[] = [];
  for (const [i, left] of values.entries()) {
    for (let j = i + 1; j < values.length; j += 1) slopes.push(((values[j] ?? 0) - left) / (j - i));
  }
  return quantile(slopes, 0.5);
}

/** A small generator of numbers from 0 to 1 with a fixed start. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const MIB = 2 ** 20;
