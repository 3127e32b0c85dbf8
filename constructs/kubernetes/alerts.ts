import { LATENCY_BUCKETS } from '../../runtime/contract';
import { thresholdOutOfRange } from './errors';

/** When an endpoint wants somebody's attention. */
export interface AlertThresholds {
  /** Share of the requests that fail through no fault of the caller, above 0 and below 1. @default 0.02 */
  readonly errorRatio?: number;
  /**
   * Seconds that the slowest one of a hundred requests takes, above 0 and below the largest bucket of the histogram (30).
   * Whoever generates text wants more.
   *
   * @default 1
   */
  readonly latencySeconds?: number;
  /** How near the replicas are to refusing requests on average, above 0 and below 1. @default 0.9 */
  readonly saturation?: number;
}

const DEFAULTS: Required<AlertThresholds> = { errorRatio: 0.02, latencySeconds: 1, saturation: 0.9 };
// A quantile above the largest finite bucket is reported as that bucket: it could never be crossed.
const LARGEST_BUCKET = Math.max(...LATENCY_BUCKETS);

/** The alerts of an endpoint: which there are is fixed, when they fire is chosen. */
export class Alerts {
  /** Alerts with thresholds of one's own. @throws LNMT3019 for a threshold that nothing could cross */
  static at(thresholds: AlertThresholds = {}): Alerts {
    const all = { ...DEFAULTS, ...thresholds };
    within('errorRatio', all.errorRatio, 1);
    within('latencySeconds', all.latencySeconds, LARGEST_BUCKET);
    within('saturation', all.saturation, 1);
    return new Alerts(all);
  }

  /** No alert at all. */
  static off(): Alerts {
    return new Alerts(undefined);
  }

  private constructor(
    /** The thresholds; undefined where there are no alerts. */
    readonly thresholds: Required<AlertThresholds> | undefined,
  ) {}
}

function within(property: string, value: number, below: number): void {
  if (!(value > 0 && value < below)) throw thresholdOutOfRange(property, value, below);
}
