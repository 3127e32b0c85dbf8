import { collectDefaultMetrics } from 'prom-client';
import type { Registry } from 'prom-client';
import { METRICS } from '../contract';
import type { Admission } from '../shared/admission';
import { buildMetrics } from '../shared/metrics';
import { MetricAliases } from './metric-aliases/aliases';
import type { AliasSet } from './metric-aliases/aliases';
import { readGpus } from './metric-aliases/devices';
import type { GpuReading } from './metric-aliases/devices';
import { Tallies } from './metric-aliases/tallies';
import type { ServerMetrics } from './observe';
import { refreshModelMetrics } from './registry';
import type { ModelRegistry } from './registry';
import { SERVER_VERSION } from './version';

/** Sets of names where nothing else is said. */
const ALIASES: readonly AliasSet[] = ['triton', 'vllm'];

/**
 * Registers the metrics of the server, those of the process, and those under the names of others.
 *
 * @param now milliseconds since the epoch
 */
export function buildServerMetrics(
  registry: Registry,
  sets: readonly AliasSet[] = ALIASES,
  now: () => number = Date.now,
): ServerMetrics {
  const metrics = buildMetrics(METRICS, registry);
  metrics.buildInfo.set({ version: SERVER_VERSION, node: process.versions.node }, 1);
  collectDefaultMetrics({ register: registry });
  const tallies = new Tallies(now);
  return { ...metrics, tallies, aliases: new MetricAliases(registry, sets, tallies) };
}

/** What metrics that are computed when somebody asks are computed from. */
export interface MetricSources {
  readonly metrics: ServerMetrics;
  readonly models: ModelRegistry;
  readonly admission: Pick<Admission, 'inFlight'>;
  readonly maxConcurrency: number;
  /** Requests that may wait for one model. */
  readonly maxQueue: number;
  /** Bytes of model files on disk. @default - nobody knows */
  readonly cacheBytes?: (() => Promise<number>) | undefined;
  /** Anything else to bring up to date. */
  readonly also: () => void;
}

function showGpus(metrics: ServerMetrics, gpus: readonly GpuReading[]): void {
  for (const { gpu, utilization, memoryUsed, memoryTotal } of gpus) {
    if (utilization !== undefined) metrics.gpuUtilization.set({ gpu }, utilization);
    if (memoryUsed !== undefined) metrics.gpuMemoryUsed.set({ gpu }, memoryUsed);
    if (memoryTotal !== undefined) metrics.gpuMemoryTotal.set({ gpu }, memoryTotal);
  }
}

/** How near the server is to refusing, 0 to 1. */
async function saturation({ metrics, admission, maxConcurrency, maxQueue }: MetricSources): Promise<number> {
  const { values } = await metrics.queueDepth.get();
  const deepest = values.reduce((most, { value }) => Math.max(most, value), 0);
  return Math.min(1, Math.max(admission.inFlight / maxConcurrency, deepest / maxQueue));
}

/** Brings the metrics that are computed when somebody asks up to date. */
export async function refreshMetrics(sources: MetricSources): Promise<void> {
  const { metrics, models, admission, cacheBytes, also } = sources;
  refreshModelMetrics(models, metrics);
  also();
  metrics.modelCacheBytes.set((await cacheBytes?.()) ?? 0);
  metrics.pending.set(admission.inFlight);
  metrics.saturation.set(await saturation(sources));
  const gpus = await readGpus();
  showGpus(metrics, gpus);
  await metrics.aliases.refresh(metrics, gpus);
}
