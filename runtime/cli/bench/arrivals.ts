import { randomOf } from '../report/statistics';

/** How requests follow one another in an open loop. */
export type ArrivalKind = 'constant' | 'poisson';

/** Gives the times at which requests are due, in milliseconds from the start, until there are no more. */
export type Arrivals = () => number | undefined;

/** What arrivals are made of. */
export interface ArrivalPlan {
  readonly kind: ArrivalKind;
  /** Requests per second in the mean. */
  readonly rate: number;
  readonly durationMs: number;
  readonly maxRequests: number;
  readonly seed: number;
}

/**
 * The times at which requests are due. They do not depend on answers: that is what makes the loop an open one.
 */
export function arrivalsOf({ kind, rate, durationMs, maxRequests, seed }: ArrivalPlan): Arrivals {
  const random = randomOf(seed);
  const gap = 1000 / rate;
  let count = 0;
  let at = 0;
  return () => {
    if (count > 0 || kind === 'poisson') {
      at = kind === 'constant' ? count * gap : at - Math.log(1 - random()) * gap;
    }
    count += 1;
    return at < durationMs && count <= maxRequests ? at : undefined;
  };
}
