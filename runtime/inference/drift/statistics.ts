import type { DriftFeature } from '../../contract';

/** How far apart two spreads over the same bins are. */
export interface Distance {
  /** Largest difference of the shares below any edge, 0 to 1. */
  readonly ks: number;
  /** Population stability index over groups of bins. */
  readonly psi: number;
}

/** Share of the baseline that a group of bins holds at least. */
const GROUP_SHARE = 0.1;
/** Values that every group is taken to have beside its own, so that none is empty. */
const PRIOR = 0.5;

/** What a baseline gives to comparisons, computed once. */
export class Reference {
  /** Values of the baseline. */
  readonly total: number;
  /** Groups that the index is taken over. */
  readonly groups: number;
  private readonly groupOf: readonly number[];
  private readonly shares: readonly number[];
  private readonly groupCounts: readonly number[];

  constructor({ counts }: Pick<DriftFeature, 'counts'>) {
    this.total = counts.reduce((sum, count) => sum + count, 0);
    this.shares = counts.map((count) => count / this.total);
    const groupCounts: number[] = [0];
    const groupOf: number[] = [];
    for (const count of counts) {
      if ((groupCounts.at(-1) ?? 0) >= GROUP_SHARE * this.total) groupCounts.push(0);
      groupCounts[groupCounts.length - 1] = (groupCounts.at(-1) ?? 0) + count;
      groupOf.push(groupCounts.length - 1);
    }
    this.groupOf = groupOf;
    this.groupCounts = groupCounts;
    this.groups = groupCounts.length;
  }

  /** Compares values, given by how many each bin has. */
  distance(counts: ArrayLike<number>, total: number): Distance {
    const grouped = new Float64Array(this.groups);
    let [gap, ks] = [0, 0];
    for (let bin = 0; bin < this.shares.length; bin++) {
      const count = counts[bin] ?? 0;
      gap += count / total - (this.shares[bin] ?? 0);
      ks = Math.max(ks, Math.abs(gap));
      const group = this.groupOf[bin] ?? 0;
      grouped[group] = (grouped[group] ?? 0) + count;
    }
    return { ks, psi: this.psi(grouped, total) };
  }

  private psi(grouped: Float64Array, total: number): number {
    let psi = 0;
    for (let group = 0; group < this.groups; group++) {
      const now = ((grouped[group] ?? 0) + PRIOR) / (total + PRIOR * this.groups);
      const then = ((this.groupCounts[group] ?? 0) + PRIOR) / (this.total + PRIOR * this.groups);
      psi += (now - then) * Math.log(now / then);
    }
    return psi;
  }
}

/** What thresholds follow from. */
export interface ThresholdTerms {
  /** Values of the baseline. */
  readonly baseline: number;
  /** Values of the window. */
  readonly window: number;
  readonly features: number;
  readonly groups: number;
  /** Comparisons in the time that the window is filled anew. */
  readonly looks: number;
  /** Chance that any feature of the model is called different in that time though nothing changed. */
  readonly falseAlarms: number;
}

/** Least index that is called drift: below it even a sure change matters to nobody. */
const LEAST_PSI = 0.1;
/** The index is not quite chi-squared where groups are small. */
const PSI_MARGIN = 1.5;

/**
 * Distances that chance does not reach. The chance of a false alarm is shared by features, looks and the two tests.
 * For KS by the inequality of Dvoretzky, Kiefer, Wolfowitz and Massart, once for the window and once for the
 * baseline: it holds for every distribution. For PSI by the tail of chi-squared after Laurent and Massart.
 */
export function thresholds(terms: ThresholdTerms): Distance {
  const { baseline, window, features, groups, looks, falseAlarms } = terms;
  const each = falseAlarms / (2 * features * looks);
  const halfWidth = (values: number): number => Math.sqrt(Math.log(4 / each) / (2 * values));
  const freedom = Math.max(1, groups - 1);
  const x = Math.log(1 / each);
  const tail = freedom + 2 * Math.sqrt(freedom * x) + 2 * x;
  return {
    ks: halfWidth(window) + halfWidth(baseline),
    psi: Math.max(LEAST_PSI, PSI_MARGIN * tail * (1 / window + 1 / baseline)),
  };
}
