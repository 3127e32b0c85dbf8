import { METRICS } from '../runtime/contract';

/** PromQL of one endpoint, for dashboards and alerts. Names come from the same table that the server registers. */
export class EndpointMetrics {
  constructor(
    private readonly namespace: string,
    private readonly model: string,
  ) {}

  /** Inference requests a second over all replicas. @param window PromQL duration */
  requestRate(window = '1m'): string {
    return `sum(rate(${METRICS.inferenceRequests.name}{${this.selector()}}[${window}]))`;
  }

  /** Share of inference requests that failed through no fault of the caller, 0 to 1. @param window PromQL duration */
  errorRatio(window = '5m'): string {
    const failed = `sum(rate(${METRICS.inferenceRequests.name}{${this.selector('code=~"5.."')}}[${window}]))`;
    return `${failed} / ${this.requestRate(window)}`;
  }

  /** Latency quantile in seconds. @param quantile 0 to 1 @param window PromQL duration */
  latency(quantile: number, window = '5m'): string {
    const buckets = `sum by (le) (rate(${METRICS.inferenceDuration.name}_bucket{${this.selector()}}[${window}]))`;
    return `histogram_quantile(${quantile}, ${buckets})`;
  }

  /** Requests that wait or run, over all replicas. */
  queueDepth(): string {
    return `sum(${METRICS.queueDepth.name}{${this.selector()}})`;
  }

  private selector(more?: string): string {
    return [`namespace="${this.namespace}"`, `model="${this.model}"`, ...(more === undefined ? [] : [more])].join(',');
  }
}
