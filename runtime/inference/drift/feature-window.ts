import { driftBin } from '../../contract';
import type { DriftFeature } from '../../contract';
import { Reference, thresholds } from './statistics';
import type { Distance } from './statistics';

/** How windows are looked at. */
export const DRIFT_WINDOW = {
  /** Values of the window. */
  size: 1_000,
  /** Looks while it is filled anew. */
  looks: 4,
  /** Chance of a false alarm of a model in that time. */
  falseAlarms: 1e-5,
} as const;

/** What the latest look at a feature found. */
export interface FeatureReading extends Distance {
  readonly drifted: boolean;
}

/** The latest values of one feature, as bins, beside the baseline. */
export class FeatureWindow {
  /** What the latest look found; undefined before the window was full. */
  reading: FeatureReading | undefined;
  private readonly reference: Reference;
  private readonly limits: Distance;
  private readonly ring = new Uint8Array(DRIFT_WINDOW.size);
  private readonly counts: Uint32Array;
  private seen = 0;

  /** @param features of the model: each has its part in the false alarms */
  constructor(
    readonly feature: DriftFeature,
    features: number,
  ) {
    this.reference = new Reference(feature);
    this.counts = new Uint32Array(feature.counts.length);
    const { total: baseline, groups } = this.reference;
    const { size: window, looks, falseAlarms } = DRIFT_WINDOW;
    this.limits = thresholds({ baseline, window, features, groups, looks, falseAlarms });
  }

  /** Takes a value. */
  add(value: number): void {
    const place = this.seen % DRIFT_WINDOW.size;
    const bin = driftBin(this.feature.edges, value);
    if (this.seen >= DRIFT_WINDOW.size) this.change(this.ring[place] ?? 0, -1);
    this.ring[place] = bin;
    this.change(bin, 1);
    this.seen += 1;
    if (this.seen >= DRIFT_WINDOW.size && this.seen % (DRIFT_WINDOW.size / DRIFT_WINDOW.looks) === 0) this.look();
  }

  private change(bin: number, by: number): void {
    this.counts[bin] = (this.counts[bin] ?? 0) + by;
  }

  private look(): void {
    const { ks, psi } = this.reference.distance(this.counts, DRIFT_WINDOW.size);
    this.reading = { ks, psi, drifted: ks > this.limits.ks || psi > this.limits.psi };
  }
}
