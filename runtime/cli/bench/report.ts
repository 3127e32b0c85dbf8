import type { RunSummary } from './summary';
import type { Saturation } from './sweep';

/** One rate or one number of callers, measured. */
export interface Phase {
  /** Requests per second that were asked for; absent in a closed loop. */
  readonly rate?: number;
  readonly summary: RunSummary;
}

/** Everything that was measured, as `--json` prints it. */
export interface BenchReport {
  readonly schema: 'lnmt.bench/1';
  /** ISO 8601. */
  readonly startedAt: string;
  readonly target: string;
  readonly model?: string;
  readonly request: {
    readonly form: 'json' | 'binary' | 'data';
    /** Distinct requests, sent in turn. */
    readonly variants: number;
    /** Mean bytes of a request. */
    readonly bytes: number;
    readonly seed?: number;
  };
  readonly loop: 'constant' | 'poisson' | 'closed';
  /** Callers of a closed loop; most requests under way of an open one. */
  readonly concurrency: number;
  readonly bounds: {
    readonly durationSeconds: number;
    readonly requests: number;
    readonly warmUpSeconds: number;
    readonly timeoutSeconds: number;
  };
  /** Milliseconds that the 99th percentile may take. */
  readonly slo?: number;
  readonly generator: {
    /** Requests per second that this machine sends to a server that does nothing. */
    readonly ceilingPerSecond: number;
    readonly node: string;
  };
  readonly phases: readonly Phase[];
  /** Of a search for the highest rate. */
  readonly saturation?: Saturation;
  readonly warnings: readonly string[];
}

const LATE_SHARE = 0.01;
/** A few that are late are chance. */
const LATE_COUNT = 5;
const NEAR_CEILING = 0.7;

function warningsOf({ rate, summary }: Phase, ceiling: number): readonly string[] {
  const { requests, lag, capped, throughput, outcomes } = summary;
  const where = rate === undefined ? '' : `at ${Math.round(rate)}/s: `;
  const warnings: string[] = [];
  if (lag.late - capped > Math.max(LATE_COUNT, LATE_SHARE * requests)) {
    warnings.push(
      `${where}the generator lagged: ${lag.late} of ${requests} requests left over 10 ms late, which their latency contains`,
    );
  }
  if (Math.max(rate ?? 0, throughput) > NEAR_CEILING * ceiling) {
    warnings.push(
      `${where}near the ceiling of the generator itself, ${Math.round(ceiling)}/s: it may be the bottleneck; measure from more machines`,
    );
  }
  if (capped > 0) {
    warnings.push(`${where}${capped} requests waited because as many as allowed were under way (--max-in-flight)`);
  }
  if (outcomes.unsent > 0) warnings.push(`${where}${outcomes.unsent} requests were due and never sent`);
  return warnings;
}

/** What makes figures doubtful. */
export function allWarnings(phases: readonly Phase[], ceiling: number): readonly string[] {
  return phases.flatMap((phase) => warningsOf(phase, ceiling));
}
