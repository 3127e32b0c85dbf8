import os from 'node:os';
import type { Registry } from 'prom-client';
import { TRITON_METRICS } from '../../contract';
import { buildMetrics } from '../../shared/metrics';
import type { MetricSet } from '../../shared/metrics';
import { CpuLoad } from './devices';
import type { GpuReading } from './devices';
import { REASONS } from './tallies';
import type { Tallies, Tally, TallyLabels } from './tallies';

type TritonMetrics = MetricSet<typeof TRITON_METRICS>;

const MICROSECONDS = 1e6;

/** Writes one version. Counters begin anew at every look, and end at the sums: what they show never goes back. */
function write(metrics: TritonMetrics, labels: TallyLabels, tally: Tally): void {
  const microseconds = (seconds: number): number => Math.round(seconds * MICROSECONDS);
  metrics.success.inc(labels, tally.success);
  for (const reason of REASONS) metrics.failure.inc({ ...labels, reason }, tally.failures[reason]);
  metrics.inferences.inc(labels, tally.inferences);
  metrics.executions.inc(labels, tally.executions);
  metrics.requestTime.inc(labels, microseconds(tally.requestTime));
  metrics.queueTime.inc(labels, microseconds(tally.queueTime));
  metrics.inputTime.inc(labels, microseconds(tally.inputTime));
  metrics.inferTime.inc(labels, microseconds(tally.inferTime));
  metrics.outputTime.inc(labels, microseconds(tally.outputTime));
}

/** What is waiting for a model. */
export interface Waiting {
  readonly labels: TallyLabels;
  readonly requests: number;
}

/** The metrics under the names of Triton. */
export class TritonAliases {
  private readonly metrics: TritonMetrics;
  private readonly cpu = new CpuLoad();

  constructor(
    registry: Registry,
    private readonly tallies: Tallies,
  ) {
    this.metrics = buildMetrics(TRITON_METRICS, registry);
  }

  /** Brings them up to date. */
  refresh(waiting: readonly Waiting[], gpus: readonly GpuReading[]): void {
    const { metrics } = this;
    for (const metric of Object.values(metrics)) metric.reset();
    for (const [labels, tally] of this.tallies.entries()) write(metrics, labels, tally);
    for (const { labels, requests } of waiting) metrics.pending.set(labels, requests);
    for (const { gpu, utilization, memoryUsed, memoryTotal } of gpus) {
      const labels = { gpu_uuid: gpu };
      if (utilization !== undefined) metrics.gpuUtilization.set(labels, utilization);
      if (memoryUsed !== undefined) metrics.gpuMemoryUsed.set(labels, memoryUsed);
      if (memoryTotal !== undefined) metrics.gpuMemoryTotal.set(labels, memoryTotal);
    }
    metrics.cpuUtilization.set(this.cpu.read());
    metrics.cpuMemoryTotal.set(os.totalmem());
    metrics.cpuMemoryUsed.set(os.totalmem() - os.freemem());
  }
}
