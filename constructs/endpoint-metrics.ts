import { METRICS, TURNED_AWAY_CODES } from '../runtime/contract';
import type { MetricDefinition } from '../runtime/contract';

/** Service that the metrics of an endpoint are scraped through: Prometheus puts its name on every series as `service`. */
export function metricsServiceName(endpoint: string): string {
  return `${endpoint}-metrics`;
}

/** All models and pipelines that are served, each by itself. */
export interface EachModel {
  /** Names of those that are left out. */
  readonly except: readonly string[];
}

/**
 * PromQL of one endpoint, for dashboards and alerts. Names come from the same table that the server registers. Requests are
 * counted under the model or pipeline that they name, and under the version that an alias stands for.
 */
export class EndpointMetrics {
  /**
   * @param namespace namespace of its pods
   * @param model name of a model or pipeline that it serves, for queries that have one result; or each of them, for queries
   * that have a result for every value of the label `model`
   * @param endpoint name of the endpoint, which tells two of one model apart. Default: all endpoints of the model
   */
  constructor(
    private readonly namespace: string,
    private readonly model: string | EachModel,
    private readonly endpoint?: string,
  ) {}

  /** Inference requests a second over all replicas. @param window PromQL duration */
  requestRate(window = '1m'): string {
    return this.rate(METRICS.inferenceRequests, window);
  }

  /** The same for every status of an answer. @param window PromQL duration */
  requestRateByCode(window = '1m'): string {
    return this.rate(METRICS.inferenceRequests, window, 'code');
  }

  /**
   * Share of inference requests that failed through no fault of the caller, 0 to 1. Those that were turned away before any
   * work (401, 403, 429) are not among them: they would hide the failures of others.
   *
   * @param window PromQL duration
   */
  errorRatio(window = '5m'): string {
    const rate = (code: string): string =>
      `sum${this.by()}(rate(${this.series(METRICS.inferenceRequests.name, code)}[${window}]))`;
    return `${rate('code=~"5.."')} / ${rate(`code!~"${TURNED_AWAY_CODES.join('|')}"`)}`;
  }

  /** Latency quantile in seconds, of requests whose caller was let in. @param quantile 0 to 1 @param window PromQL duration */
  latency(quantile: number, window = '5m'): string {
    return this.quantile(METRICS.inferenceDuration, quantile, window);
  }

  /** Quantile of the seconds that requests wait for a batch. @param quantile 0 to 1 @param window PromQL duration */
  waiting(quantile: number, window = '5m'): string {
    return this.quantile(METRICS.queueDuration, quantile, window);
  }

  /** Quantile of the seconds that the model runs for a batch. @param quantile 0 to 1 @param window PromQL duration */
  computing(quantile: number, window = '5m'): string {
    return this.quantile(METRICS.computeDuration, quantile, window);
  }

  /** Mean number of requests in a batch. @param window PromQL duration */
  batchSize(window = '5m'): string {
    const of = (suffix: string): string =>
      `sum${this.by()}(rate(${this.series(METRICS.batchSize.name + suffix)}[${window}]))`;
    return `${of('_sum')} / ${of('_count')}`;
  }

  /** Requests that were admitted and do not run yet, over all replicas. */
  queueDepth(): string {
    return `sum${this.by()}(${this.series(METRICS.queueDepth.name)})`;
  }

  /** How near the replicas are to refusing requests on average, 0 to 1. */
  saturation(): string {
    return `avg(${this.ofServer(METRICS.saturation)})`;
  }

  /** The same for each replica. */
  saturationByPod(): string {
    return `max by (pod) (${this.ofServer(METRICS.saturation)})`;
  }

  /** Replicas that can serve the model. */
  readyReplicas(): string {
    return this.replicas(METRICS.modelReady);
  }

  /** Replicas that serve the last files they know, because the repository of the model cannot be reached. */
  offlineReplicas(): string {
    return this.replicas(METRICS.modelOffline);
  }

  /** Replicas that see inputs or outputs that differ from the baseline of the model. */
  driftingReplicas(): string {
    return this.replicas(METRICS.driftDetected);
  }

  /** Replicas that can serve each pipeline; one result for every value of the label `pipeline`. */
  readyReplicasByPipeline(): string {
    return `sum by (pipeline) (${this.ofServer(METRICS.pipelineReady)})`;
  }

  /** Replicas whose audit log can no longer be written. */
  brokenAuditLogs(): string {
    return `sum(${this.ofServer(METRICS.auditBroken)})`;
  }

  /** Replicas that use older files than they find, as these are no good; one result for every value of the label `files`. */
  replicasRefusingFiles(): string {
    return `sum by (files) (${this.ofServer(METRICS.filesRefused)})`;
  }

  /** Population stability index of every feature, of the replica that sees most of it. */
  driftByFeature(): string {
    return `max${this.by('feature')}(${this.series(METRICS.driftPsi.name)})`;
  }

  /** Resident bytes of the processes that run the model, for each replica. */
  memoryByPod(): string {
    return `sum${this.by('pod')}(${this.series(METRICS.hostMemory.name)})`;
  }

  /** Share of time that each GPU is busy, 0 to 1; nothing without GPUs. */
  gpuUtilization(): string {
    return `max by (pod, gpu) (${this.ofServer(METRICS.gpuUtilization)})`;
  }

  // A replica may hold several versions.
  private replicas({ name }: MetricDefinition): string {
    return `sum${this.by()}(max${this.by('pod')}(${this.series(name)}))`;
  }

  private rate(metric: MetricDefinition, window: string, ...by: readonly string[]): string {
    return `sum${this.by(...by)}(rate(${this.series(metric.name)}[${window}]))`;
  }

  private quantile(histogram: MetricDefinition, quantile: number, window: string): string {
    const buckets = `sum${this.by('le')}(rate(${this.series(`${histogram.name}_bucket`)}[${window}]))`;
    return `histogram_quantile(${quantile}, ${buckets})`;
  }

  private series(name: string, more?: string): string {
    const labels = [...this.selectors(), ...this.ofModel(), ...(more === undefined ? [] : [more])];
    return `${name}{${labels.join(',')}}`;
  }

  private ofModel(): readonly string[] {
    if (typeof this.model === 'string') return [`model=${JSON.stringify(this.model)}`];
    const { except } = this.model;
    const pattern = except.map((name) => name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|');
    return except.length === 0 ? [] : [`model!~${JSON.stringify(pattern)}`];
  }

  private by(...labels: readonly string[]): string {
    const all = [...(typeof this.model === 'string' ? [] : ['model']), ...labels];
    return all.length === 0 ? '' : ` by (${all.join(', ')}) `;
  }

  // Servers say these of themselves, not of a model.
  private ofServer({ name }: MetricDefinition): string {
    return `${name}{${this.selectors().join(',')}}`;
  }

  private selectors(): readonly string[] {
    const { namespace, endpoint } = this;
    const service = endpoint === undefined ? [] : [`service=${JSON.stringify(metricsServiceName(endpoint))}`];
    return [`namespace=${JSON.stringify(namespace)}`, ...service];
  }
}
