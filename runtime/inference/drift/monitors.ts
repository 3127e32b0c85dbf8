import { driftFeatureText } from '../../contract';
import type { DriftBaseline } from '../../contract';
import type { ModelIdentity } from '../data-plane';
import type { ServerMetrics } from '../observe';
import type { Answer } from '../registry';
import type { Infer, InferenceCall, Layer } from '../serving/layer';
import { DriftMonitor } from './monitor';

/** Exchanges that wait to be looked at; more are left out, so that their tensors are not held for long. */
const MOST_WAITING = 64;

type DriftMetrics = Pick<ServerMetrics, 'driftPsi' | 'driftKs' | 'driftDetected' | 'driftRows'>;

/** The monitors of all versions that have a baseline. */
export class DriftMonitors {
  private readonly monitors = new Map<string, Map<string, DriftMonitor>>();
  private waiting = 0;

  /**
   * @param rowsPerSecond rows of each version that are compared at most; 0 compares none
   * @param now milliseconds of a monotonic clock
   */
  constructor(
    private readonly metrics: DriftMetrics,
    private readonly rowsPerSecond: number,
    private readonly now: () => number,
  ) {}

  /** A version was loaded, with or without a baseline. One that was loaded before goes on where it was. */
  loaded({ name, version }: ModelIdentity, digest: string, baseline: DriftBaseline | undefined): void {
    const known = this.monitors.get(name)?.get(version);
    if (known?.digest === digest) return;
    if (known !== undefined) this.forget({ name, version }, known);
    if (baseline === undefined || this.rowsPerSecond === 0) return;
    const monitor = new DriftMonitor(digest, baseline, this.rowsPerSecond, this.now);
    const versions = this.monitors.get(name) ?? new Map<string, DriftMonitor>();
    this.monitors.set(name, versions.set(version, monitor));
  }

  /** Brings the metrics up to date. @param served says whether a version is still there */
  refresh(served: (model: ModelIdentity) => boolean): void {
    for (const [name, versions] of this.monitors) {
      for (const [version, monitor] of versions) {
        if (served({ name, version })) this.show({ model: name, version }, monitor);
        else this.forget({ name, version }, monitor);
      }
    }
  }

  /** Looks at what passes, once the answer is on its way. */
  readonly layer: Layer = (next) => (call) => (this.monitors.size === 0 ? next(call) : this.watch(next, call));

  private async watch(next: Infer, call: InferenceCall): Promise<Answer> {
    const answer = await next(call);
    const { name, version } = answer.model;
    const monitor = this.monitors.get(name)?.get(version);
    if (monitor === undefined || this.waiting >= MOST_WAITING || monitor.allow() < 1) return answer;
    this.waiting += 1;
    setImmediate(() => {
      this.waiting -= 1;
      const rows = monitor.observe({ inputs: call.request.inputs, outputs: answer.outputs });
      this.metrics.driftRows.inc({ model: name, version }, rows);
    });
    return answer;
  }

  private show(labels: { readonly model: string; readonly version: string }, monitor: DriftMonitor): void {
    this.metrics.driftDetected.set(labels, monitor.drifted ? 1 : 0);
    for (const { feature: name, reading } of monitor.windows) {
      if (reading === undefined) continue;
      const feature = driftFeatureText(name);
      this.metrics.driftPsi.set({ ...labels, feature }, reading.psi);
      this.metrics.driftKs.set({ ...labels, feature }, reading.ks);
    }
  }

  private forget({ name, version }: ModelIdentity, monitor: DriftMonitor): void {
    const versions = this.monitors.get(name);
    versions?.delete(version);
    if (versions?.size === 0) this.monitors.delete(name);
    const labels = { model: name, version };
    this.metrics.driftDetected.remove(labels);
    for (const { feature: each } of monitor.windows) {
      const feature = driftFeatureText(each);
      this.metrics.driftPsi.remove({ ...labels, feature });
      this.metrics.driftKs.remove({ ...labels, feature });
    }
  }
}
