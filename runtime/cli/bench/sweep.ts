/** One rate of a search, and what came of it. */
export interface SweepStep {
  /** Requests per second that were due. */
  readonly rate: number;
  /** Good answers per second. */
  readonly goodput: number;
  /** 99th percentile of the latency in milliseconds; undefined when nothing was answered. */
  readonly p99: number | undefined;
  readonly failedShare: number;
}

/** Bounds of a search. */
export interface SweepLimits {
  readonly startRate: number;
  readonly maxRate: number;
  /** Steps at most, the refinements included. */
  readonly maxSteps: number;
  /** Milliseconds that the 99th percentile may take. @default - only goodput decides */
  readonly slo?: number;
}

/** What a search found. */
export interface Saturation {
  /** Highest rate that was kept up; undefined when none was. */
  readonly sustained: number | undefined;
  /** Most good answers per second at any rate. */
  readonly peakGoodput: number;
}

const FAILED_MOST = 0.01;
/** Goodput that falls behind the rate by more than that does not rise with it any more. */
const KEPT_UP = 0.95;
const GROWTH = 2;
/** Two rates that are nearer to one another are not told apart. */
const NEAR = 1.08;

/** Whether a rate is kept up: nearly all requests succeed, goodput follows, the service level holds. */
export function keptUp(step: SweepStep, slo: number | undefined): boolean {
  if (step.failedShare > FAILED_MOST || step.goodput < KEPT_UP * step.rate) return false;
  return slo === undefined || (step.p99 !== undefined && step.p99 <= slo);
}

function bounds(steps: readonly SweepStep[], slo: number | undefined): readonly [low: number, high: number] {
  const good = steps.filter((step) => keptUp(step, slo)).map(({ rate }) => rate);
  const low = good.reduce((most, rate) => Math.max(most, rate), 0);
  const bad = steps.filter((step) => !keptUp(step, slo) && step.rate > low).map(({ rate }) => rate);
  return [low, bad.reduce((least, rate) => Math.min(least, rate), Infinity)];
}

/** The rate to try next: twice as much while it is kept up, then between the last good and the first bad one. */
export function nextRate(steps: readonly SweepStep[], limits: SweepLimits): number | undefined {
  const { startRate, maxRate, maxSteps, slo } = limits;
  if (steps.length === 0) return Math.min(startRate, maxRate);
  if (steps.length >= maxSteps) return undefined;
  const [low, high] = bounds(steps, slo);
  if (high === Infinity) return low >= maxRate ? undefined : Math.min(low * GROWTH, maxRate);
  if (low === 0) return high / GROWTH / GROWTH >= 0.1 ? high / GROWTH / GROWTH : undefined;
  return high / low <= NEAR ? undefined : Math.sqrt(low * high);
}

/** What the steps of a search say together. */
export function saturationOf(steps: readonly SweepStep[], slo: number | undefined): Saturation {
  const [low] = bounds(steps, slo);
  const peakGoodput = steps.reduce((most, { goodput }) => Math.max(most, goodput), 0);
  return { sustained: low === 0 ? undefined : low, peakGoodput };
}
