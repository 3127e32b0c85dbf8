import { rolloutStuck } from './errors';

/** A number of pods, or a share of them. */
export type PodCount = number | `${number}%`;

/** Bounds of a rolling update. */
export interface RollingBounds {
  /** Pods that may be missing while the update runs. */
  readonly maxUnavailable: PodCount;
  /** Pods that may exist beyond the replicas while the update runs. */
  readonly maxSurge: PodCount;
}

/** How pods are replaced when a workload changes. */
export class Rollout {
  /** One new pod has to be ready before an old one leaves: no request fails, and room for one more pod is needed. */
  static surge(): Rollout {
    return new Rollout(0, 1);
  }

  /** Other bounds. @throws LNMT3002 when both are 0, for what is negative or malformed, and for more than 100 % missing */
  static rolling(bounds: RollingBounds): Rollout {
    const { maxUnavailable, maxSurge } = bounds;
    const shares = [maxUnavailable, maxSurge].map(share);
    // More than all cannot be missing, and the API server refuses to be told so.
    const missing = typeof maxUnavailable === 'string' && Number.parseInt(maxUnavailable, 10) > 100;
    if (missing || shares.includes(undefined) || shares.every((value) => value === 0))
      throw rolloutStuck(maxUnavailable, maxSurge);
    return new Rollout(maxUnavailable, maxSurge);
  }

  private constructor(
    /** Pods that may be missing. */
    readonly maxUnavailable: PodCount,
    /** Pods beyond the replicas. */
    readonly maxSurge: PodCount,
  ) {}

  /** Pods beyond so many replicas that have to find room before one of those leaves; 0 where one may leave first. */
  surgeOf(replicas: number): number {
    const pods = (value: PodCount): number =>
      typeof value === 'number' ? value : (Number.parseInt(value, 10) / 100) * replicas;
    // Kubernetes rounds the missing down and the further ones up.
    return Math.floor(pods(this.maxUnavailable)) > 0 ? 0 : Math.ceil(pods(this.maxSurge));
  }
}

function share(value: PodCount): number | undefined {
  if (typeof value === 'string') return /^\d{1,3}%$/.test(value) ? Number.parseInt(value, 10) : undefined;
  return Number.isInteger(value) && value >= 0 ? value : undefined;
}
