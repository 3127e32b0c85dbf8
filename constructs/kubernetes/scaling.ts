import { numberOutOfRange, reversedBounds } from '../errors';
import { fixedScalingHasNoMetrics, unusableRate } from './errors';

/** How fast an autoscaler follows its metrics. */
export interface ScalingBehavior {
  /** Seconds over which the highest recommendation wins before pods are removed, 0 to 3600. @default 300 */
  readonly scaleDownStabilizationSeconds?: number;
  /** Seconds over which the lowest recommendation wins before pods are added, 0 to 3600. @default 0 */
  readonly scaleUpStabilizationSeconds?: number;
  /** Share of the pods that may be removed in one minute, in percent, 1 to 100. @default 50 */
  readonly scaleDownPercentPerMinute?: number;
}

interface Targets {
  readonly cpu?: number;
  readonly memory?: number;
  readonly requestsPerSecond?: number;
}

const DEFAULT_BEHAVIOR: Required<ScalingBehavior> = {
  scaleDownStabilizationSeconds: 300,
  scaleUpStabilizationSeconds: 0,
  scaleDownPercentPerMinute: 50,
};

/**
 * How many replicas a workload has. Immutable: every method returns another object.
 *
 * @example
 * Scaling.between(3, 50).cpu(70).memory(80).requestsPerSecond(100)
 */
export class Scaling {
  /**
   * Between two numbers of replicas, following metrics; with none chosen, CPU at 70 %.
   *
   * @throws LNMT1002 for a bound below 1 or not whole, LNMT1003 when they are reversed
   */
  static between(minReplicas: number, maxReplicas: number): Scaling {
    atLeastOne('minReplicas', minReplicas);
    atLeastOne('maxReplicas', maxReplicas);
    if (minReplicas > maxReplicas) {
      throw reversedBounds(undefined, ['minReplicas', minReplicas], ['maxReplicas', maxReplicas]);
    }
    return new Scaling(minReplicas, maxReplicas, false, {}, DEFAULT_BEHAVIOR);
  }

  /** Always the same number of replicas, without an autoscaler. @throws LNMT1002 below 1 */
  static fixed(replicas: number): Scaling {
    atLeastOne('replicas', replicas);
    return new Scaling(replicas, replicas, true, {}, DEFAULT_BEHAVIOR);
  }

  private constructor(
    /** Fewest replicas. */
    readonly minReplicas: number,
    /** Most replicas. */
    readonly maxReplicas: number,
    /** True without an autoscaler. */
    readonly isFixed: boolean,
    private readonly targets: Targets,
    /** How fast metrics are followed. */
    readonly pace: Required<ScalingBehavior>,
  ) {}

  /** Follows CPU use, in percent of the CPU request. @param percent 1 to 1000 @throws LNMT1002, LNMT3001 */
  cpu(percent: number): Scaling {
    return this.following('cpu', percentage('cpu', percent));
  }

  /**
   * Follows memory use, in percent of the memory request. Weights never shrink, so a model server that was scaled up by
   * memory seldom comes down again: off unless asked for.
   *
   * @param percent 1 to 1000
   * @throws LNMT1002, LNMT3001
   */
  memory(percent: number): Scaling {
    return this.following('memory', percentage('memory', percent));
  }

  /** Follows inference requests a second and pod. @param perPod 0.001 or more @throws LNMT3001, LNMT3012 */
  requestsPerSecond(perPod: number): Scaling {
    if (!(perPod >= 0.001) || !Number.isFinite(perPod)) {
      throw unusableRate(perPod);
    }
    return this.following('requestsPerSecond', perPod);
  }

  /** How fast the metrics are followed. @throws LNMT1002 outside the ranges of {@link ScalingBehavior} */
  behavior(behavior: ScalingBehavior): Scaling {
    const all = { ...this.pace, ...behavior };
    whole('scaleDownStabilizationSeconds', all.scaleDownStabilizationSeconds, 0, 3600, 's');
    whole('scaleUpStabilizationSeconds', all.scaleUpStabilizationSeconds, 0, 3600, 's');
    whole('scaleDownPercentPerMinute', all.scaleDownPercentPerMinute, 1, 100, '%');
    return new Scaling(this.minReplicas, this.maxReplicas, this.isFixed, this.targets, all);
  }

  /** CPU target in percent. Undefined when another metric is followed, or none. */
  get cpuPercent(): number | undefined {
    const any = Object.keys(this.targets).length > 0;
    return this.targets.cpu ?? (any || this.isFixed ? undefined : 70);
  }

  /** Memory target in percent. */
  get memoryPercent(): number | undefined {
    return this.targets.memory;
  }

  /** Target of inference requests a second and pod. */
  get requestsPerSecondPerPod(): number | undefined {
    return this.targets.requestsPerSecond;
  }

  private following(metric: keyof Targets, target: number): Scaling {
    if (this.isFixed) throw fixedScalingHasNoMetrics(metric, this.minReplicas);
    const targets = { ...this.targets, [metric]: target };
    return new Scaling(this.minReplicas, this.maxReplicas, false, targets, this.pace);
  }
}

function atLeastOne(property: string, value: number): void {
  whole(property, value, 1, undefined, 'replicas');
}

function percentage(property: string, value: number): number {
  whole(property, value, 1, 1000, '%');
  return value;
}

function whole(property: string, value: number, min: number, max: number | undefined, unit: string): void {
  if (!Number.isInteger(value) || value < min || (max !== undefined && value > max)) {
    throw numberOutOfRange(undefined, property, value, { min, max, unit });
  }
}
