import type { ValueRange } from './static';

/** How the range of an activation is chosen from what was seen. */
export type CalibrationMethod = 'minmax' | 'percentile' | 'entropy';

const BINS = 2_048;
/** Share of the values that a percentile keeps. */
const KEPT = 0.99999;
const LEVELS = 128;

/** The range of the values that an activation took. */
export class RangeMeter {
  private least = 0;
  private most = 0;

  /** Looks at values; those that are no finite numbers are passed over. */
  add(values: ArrayLike<number>): void {
    for (let index = 0; index < values.length; index += 1) {
      const value = values[index] ?? 0;
      if (value < this.least && value > -Infinity) this.least = value;
      else if (value > this.most && value < Infinity) this.most = value;
    }
  }

  get range(): ValueRange {
    return { least: this.least, most: this.most };
  }
}

/** How often an activation took values of each size, within a range that is known. */
export class Histogram {
  private readonly counts = new Float64Array(BINS);
  private readonly width: number;
  /** Zeros are apart: an integer stands for them exactly, and rectified activations have many. */
  private zeros = 0;

  constructor(private readonly range: ValueRange) {
    this.width = Math.max(-range.least, range.most, Number.MIN_VALUE) / BINS;
  }

  /** Counts values by their distance from zero. */
  add(values: ArrayLike<number>): void {
    for (let index = 0; index < values.length; index += 1) {
      const size = Math.abs(values[index] ?? 0);
      if (size === 0) {
        this.zeros += 1;
        continue;
      }
      const bin = Math.min(Math.floor(size / this.width), BINS - 1);
      if (bin >= 0) this.counts[bin] = (this.counts[bin] ?? 0) + 1;
    }
  }

  /** The range that a method chooses: never wider than what was seen. */
  choose(method: 'percentile' | 'entropy'): ValueRange {
    const bins = method === 'percentile' ? this.percentile() : this.entropy();
    const most = bins * this.width;
    return { least: Math.max(this.range.least, -most), most: Math.min(this.range.most, most) };
  }

  private percentile(): number {
    const total = this.zeros + this.counts.reduce((sum, count) => sum + count, 0);
    let seen = this.zeros;
    for (let bin = 0; bin < BINS; bin += 1) {
      seen += this.counts[bin] ?? 0;
      if (seen >= KEPT * total) return bin + 1;
    }
    return BINS;
  }

  /** The number of bins for which the coarse distribution is most like the fine one. */
  private entropy(): number {
    let best = { bins: BINS, divergence: Infinity };
    for (let bins = LEVELS; bins <= BINS; bins += LEVELS / 8) {
      const divergence = this.divergence(bins);
      if (divergence < best.divergence) best = { bins, divergence };
    }
    return best.bins;
  }

  /** How much is lost when so many bins are kept and told apart in as many steps as an integer has. */
  private divergence(bins: number): number {
    const fine = Float64Array.from(this.counts.subarray(0, bins));
    const beyond = this.counts.subarray(bins).reduce((sum, count) => sum + count, 0);
    const kept = fine.reduce((sum, count) => sum + count, 0);
    if (kept === 0) return Infinity;
    fine[bins - 1] = (fine[bins - 1] ?? 0) + beyond;
    const coarse = this.coarse(bins);
    let divergence = 0;
    for (let bin = 0; bin < bins; bin += 1) {
      const p = (fine[bin] ?? 0) / (kept + beyond);
      if (p > 0) divergence += p * Math.log(p / Math.max((coarse[bin] ?? 0) / kept, 1e-10));
    }
    return divergence;
  }

  private coarse(bins: number): Float64Array {
    const coarse = new Float64Array(bins);
    for (let level = 0; level < LEVELS; level += 1) {
      const [from, to] = [Math.floor((level * bins) / LEVELS), Math.floor(((level + 1) * bins) / LEVELS)];
      const part = this.counts.subarray(from, to);
      const filled = part.reduce((count, value) => count + (value > 0 ? 1 : 0), 0);
      const share = filled === 0 ? 0 : part.reduce((sum, value) => sum + value, 0) / filled;
      for (let bin = from; bin < to; bin += 1) coarse[bin] = (this.counts[bin] ?? 0) > 0 ? share : 0;
    }
    return coarse;
  }
}
