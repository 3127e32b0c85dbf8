import type { Registry } from 'prom-client';
import { VLLM_METRICS } from '../../contract';
import type { METRICS } from '../../contract';
import { buildMetrics } from '../../shared/metrics';
import type { MetricSet } from '../../shared/metrics';
import type { ModelIdentity } from '../data-plane';

type VllmMetrics = MetricSet<typeof VLLM_METRICS>;
type Own = MetricSet<typeof METRICS>;

/** Values of a metric of ours. */
interface Readable {
  get(): Promise<{ readonly values: readonly { readonly value: number; readonly labels: object }[] }>;
}

type Take = (labels: Record<string, string>, value: number) => void;

/** Reads a metric of ours, and gives what writes it under another name. */
async function copied(from: Readable, take: Take): Promise<() => void> {
  const { values } = await from.get();
  return () => {
    for (const { value, labels } of values) {
      const { model, version } = labels as { readonly model?: string; readonly version?: string };
      if (model !== undefined && version !== undefined) take({ model_name: model, version }, value);
    }
  };
}

/** What is told of single tokens. Times in seconds. */
export interface TokenTimes {
  readonly first: (seconds: number) => void;
  readonly next: (seconds: number) => void;
}

/** The metrics of generated text under the names of vLLM. */
export class VllmAliases {
  private readonly metrics: VllmMetrics;

  constructor(registry: Registry) {
    this.metrics = buildMetrics(VLLM_METRICS, registry);
  }

  /** Takes the times of the answers of a model. */
  observe({ name, version }: ModelIdentity): TokenTimes {
    const labels = { model_name: name, version };
    const { timeToFirstToken, tokenInterval, timePerOutputToken } = this.metrics;
    return {
      first: (seconds) => timeToFirstToken.observe(labels, seconds),
      next: (seconds) => {
        tokenInterval.observe(labels, seconds);
        timePerOutputToken.observe(labels, seconds);
      },
    };
  }

  /** Brings everything else up to date with the metrics of ours. */
  async refresh(own: Own): Promise<void> {
    const { running, waiting, kvCacheUsage, promptTokens, generatedTokens } = this.metrics;
    const copies = await Promise.all([
      copied(own.answersRunning, (labels, value) => running.set(labels, value)),
      copied(own.answersWaiting, (labels, value) => waiting.set(labels, value)),
      copied(own.kvCacheUsage, (labels, value) => kvCacheUsage.set(labels, value)),
      copied(own.promptTokens, (labels, value) => promptTokens.inc(labels, value)),
      copied(own.generatedTokens, (labels, value) => generatedTokens.inc(labels, value)),
    ]);
    // In one go: another who asks meanwhile would see none of them, or count them twice.
    for (const metric of [promptTokens, generatedTokens]) metric.reset();
    for (const write of copies) write();
  }
}
