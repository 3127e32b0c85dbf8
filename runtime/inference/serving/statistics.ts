import type { Histogram } from 'prom-client';
import type { ModelIdentity } from '../data-plane';
import type { KnownModels, ServerMetrics } from '../observe';
import type { Infer, Layer } from './layer';

/** How often, and how long in all. */
export interface Tally {
  readonly count: number;
  /** Nanoseconds. */
  readonly ns: number;
}

/** What one version of a model has done, in the words of the statistics extension. */
export interface ModelStatistics {
  readonly name: string;
  readonly version: string;
  /** Milliseconds since the epoch at which the last request was answered; 0 before the first. */
  readonly last_inference: number;
  /** Requests that a model ran for. */
  readonly inference_count: number;
  /** Runs; one may hold several requests. */
  readonly execution_count: number;
  readonly inference_stats: {
    readonly success: Tally;
    readonly fail: Tally;
    readonly queue: Tally;
    /** Of runs. Moving tensors into and out of the model’s process is part of it. */
    readonly compute_infer: Tally;
  };
}

interface Counts {
  success: { count: number; ns: number };
  fail: { count: number; ns: number };
  last: number;
}

type Summary = { readonly count: number; readonly sum: number };

const NANOSECONDS = 1e9;
const PER_MILLISECOND = 1e6;
const keyOf = ({ name, version }: ModelIdentity): string => `${name}\n${version}`;
const fresh = (): Counts => ({ success: { count: 0, ns: 0 }, fail: { count: 0, ns: 0 }, last: 0 });

/** Count and sum of a histogram, by model and version. */
async function summaries(histogram: Histogram<'model' | 'version'>): Promise<ReadonlyMap<string, Summary>> {
  const found = new Map<string, { count: number; sum: number }>();
  for (const { metricName = '', labels, value } of (await histogram.get()).values) {
    const member = metricName.endsWith('_count') ? 'count' : metricName.endsWith('_sum') ? 'sum' : undefined;
    if (member === undefined) continue;
    const key = keyOf({ name: String(labels.model), version: String(labels.version) });
    const entry = found.get(key) ?? { count: 0, sum: 0 };
    entry[member] = value;
    found.set(key, entry);
  }
  return found;
}

const tally = (of: Summary | undefined): Tally => ({
  count: of?.count ?? 0,
  ns: Math.round((of?.sum ?? 0) * NANOSECONDS),
});

/** Counts what models answer. Queue and runs are taken from the metrics, which count them anyway. */
export class Statistics {
  private readonly counts = new Map<string, Counts>();

  constructor(
    private readonly models: Pick<KnownModels, 'known'>,
    private readonly metrics: Pick<ServerMetrics, 'queueDuration' | 'computeDuration' | 'batchSize'>,
    /** Milliseconds since the epoch. */
    private readonly now: () => number,
  ) {}

  /** The outermost layer: it sees every call as its caller does. */
  readonly layer: Layer =
    (next: Infer): Infer =>
    async (call) => {
      const started = performance.now();
      let model: ModelIdentity | undefined;
      const answering = (chosen: ModelIdentity): void => {
        model = chosen;
        call.answering?.(chosen);
      };
      try {
        const answer = await next({ ...call, answering });
        this.count(answer.model, 'success', started);
        return answer;
      } catch (error) {
        model ??= this.models.known(call.name, call.version);
        if (model !== undefined) this.count(model, 'fail', started);
        throw error;
      }
    };

  /** What these versions have done since the server started. */
  async of(versions: readonly ModelIdentity[]): Promise<readonly ModelStatistics[]> {
    const { queueDuration, computeDuration, batchSize } = this.metrics;
    const [queue, compute, batches] = await Promise.all([queueDuration, computeDuration, batchSize].map(summaries));
    return versions.map((model) => {
      const key = keyOf(model);
      const { success, fail, last } = this.counts.get(key) ?? fresh();
      const batch = batches?.get(key);
      return {
        ...{ name: model.name, version: model.version, last_inference: last },
        ...{ inference_count: batch?.sum ?? 0, execution_count: batch?.count ?? 0 },
        inference_stats: {
          ...{ success: { ...success }, fail: { ...fail } },
          ...{ queue: tally(queue?.get(key)), compute_infer: tally(compute?.get(key)) },
        },
      };
    });
  }

  private count(model: ModelIdentity, outcome: 'success' | 'fail', started: number): void {
    const key = keyOf(model);
    let entry = this.counts.get(key);
    if (entry === undefined) this.counts.set(key, (entry = fresh()));
    entry[outcome].count += 1;
    entry[outcome].ns += Math.round((performance.now() - started) * PER_MILLISECOND);
    entry.last = this.now();
  }
}
