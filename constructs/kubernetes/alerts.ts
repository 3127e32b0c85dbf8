import { LATENCY_BUCKETS } from '../../runtime/contract';
import { thresholdOutOfRange } from './errors';

/** When a model or a pipeline wants somebody's attention. */
export interface ModelThresholds {
  /** Share of the requests that fail through no fault of the caller, above 0 and below 1. @default 0.02 */
  readonly errorRatio?: number;
  /**
   * Seconds that the slowest one of a hundred requests takes, above 0 and below the largest bucket of the histogram (30).
   * Whoever generates text wants more.
   *
   * @default 1
   */
  readonly latencySeconds?: number;
}

/** When an endpoint wants somebody's attention: `errorRatio` and `latencySeconds` are those of each model and pipeline. */
export interface AlertThresholds extends ModelThresholds {
  /** How near the replicas are to refusing requests on average, above 0 and below 1. @default 0.9 */
  readonly saturation?: number;
  /**
   * Thresholds of single models and pipelines, by name, where they differ from the others.
   *
   * @default {}
   */
  readonly models?: Readonly<Record<string, ModelThresholds>>;
}

const DEFAULTS: Required<AlertThresholds> = { errorRatio: 0.02, latencySeconds: 1, saturation: 0.9, models: {} };
// A quantile above the largest finite bucket is reported as that bucket: it could never be crossed.
const LARGEST_BUCKET = Math.max(...LATENCY_BUCKETS);

/** The alerts of an endpoint: which there are is fixed, when they fire is chosen. */
export class Alerts {
  /**
   * Alerts with thresholds of one's own.
   *
   * @example
   * Alerts.at({ errorRatio: 0.01, models: { chat: { latencySeconds: 20 } } })
   * @throws LNMT3019 for a threshold that nothing could cross
   */
  static at(thresholds: AlertThresholds = {}): Alerts {
    const { errorRatio, latencySeconds, saturation, models } = thresholds;
    const all = {
      errorRatio: errorRatio ?? DEFAULTS.errorRatio,
      latencySeconds: latencySeconds ?? DEFAULTS.latencySeconds,
      saturation: saturation ?? DEFAULTS.saturation,
      models: models ?? DEFAULTS.models,
    };
    within('saturation', all.saturation, 1);
    checkModel('', all);
    for (const [name, each] of Object.entries(all.models)) checkModel(`models.${name}.`, each);
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

function checkModel(prefix: string, { errorRatio, latencySeconds }: ModelThresholds): void {
  if (errorRatio !== undefined) within(`${prefix}errorRatio`, errorRatio, 1);
  if (latencySeconds !== undefined) within(`${prefix}latencySeconds`, latencySeconds, LARGEST_BUCKET);
}

function within(property: string, value: number, below: number): void {
  if (!(value > 0 && value < below)) throw thresholdOutOfRange(property, value, below);
}
