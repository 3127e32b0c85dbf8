import { logHistogram, quantile, summarize } from '../report/statistics';
import type { Bin, Summary } from '../report/statistics';
import { NO_ANSWER } from './record';
import type { Run } from './record';

/** One whole second of a run, by when requests ended. */
export interface Second {
  /** Seconds from the start. */
  readonly at: number;
  readonly ok: number;
  readonly failed: number;
}

/** How requests ended, by class. */
export interface Outcomes {
  readonly '2xx': number;
  readonly '3xx': number;
  readonly '4xx': number;
  readonly '429': number;
  readonly '5xx': number;
  readonly timeout: number;
  readonly connection: number;
  readonly unsent: number;
}

/** What a run showed. Times in milliseconds, rates per second. */
export interface RunSummary {
  /** Requests that were due; absent in a closed loop, where answers decide. */
  readonly offeredPerSecond?: number;
  readonly requests: number;
  readonly outcomes: Outcomes;
  /** Share of requests that were not answered with 2xx. */
  readonly failedShare: number;
  /** Answers of any kind per second. */
  readonly throughput: number;
  /** Answers with 2xx per second, within the service level where there is one. */
  readonly goodput: number;
  /** From when a request was due to its end; refusals are left out, requests without an answer are not. */
  readonly latency: Summary | undefined;
  /** Latencies by share: pairs of a share and milliseconds. */
  readonly percentiles: readonly (readonly [share: number, ms: number])[];
  readonly histogram: readonly Bin[];
  readonly timeline: readonly Second[];
  /** How far requests left after they were due. */
  readonly lag: { readonly p99: number; readonly max: number; readonly late: number };
  /** Requests that waited because as many as allowed were under way. */
  readonly capped: number;
  readonly seconds: number;
}

/** A request that leaves later than that is late. */
const LATE_MS = 10;
const SHARES = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1];

function classOf(status: number): keyof Outcomes {
  if (status === NO_ANSWER.timeout) return 'timeout';
  if (status === NO_ANSWER.connection) return 'connection';
  if (status === NO_ANSWER.unsent) return 'unsent';
  if (status === 429) return '429';
  if (status >= 500) return '5xx';
  if (status >= 400) return '4xx';
  return status >= 300 ? '3xx' : '2xx';
}

function outcomesOf(statuses: readonly number[]): Outcomes {
  const counts = { '2xx': 0, '3xx': 0, '4xx': 0, '429': 0, '5xx': 0, timeout: 0, connection: 0, unsent: 0 };
  for (const status of statuses) counts[classOf(status)] += 1;
  return counts;
}

/** Whole seconds only: the rest of one would look like a fall. */
function timelineOf({ ended, status }: Run, seconds: number): readonly Second[] {
  const last = ended.reduce((latest, at) => Math.max(latest, at / 1000), seconds);
  const rows = Array.from({ length: Math.max(1, Math.floor(last)) }, (_, at) => ({ at, ok: 0, failed: 0 }));
  for (const [index, end] of ended.entries()) {
    const row = rows[Math.floor(end / 1000)];
    if (row === undefined) continue;
    if (classOf(status[index] ?? 0) === '2xx') row.ok += 1;
    else row.failed += 1;
  }
  return rows;
}

/** Refusals answer at once and would make the latency of an overloaded server look good. */
const counts = (status: number): boolean => {
  const kind = classOf(status);
  return kind === '2xx' || kind === 'timeout' || kind === 'unsent';
};

const succeeded = (status: number): boolean => classOf(status) === '2xx';

/** The latency that answers have before a queue grows: that of the first tenth of requests, in the median. */
function inherentLatency({ due, ended, status }: Run): number {
  const order = [...due.keys()].filter((index) => succeeded(status[index] ?? 0));
  order.sort((a, b) => (due[a] ?? 0) - (due[b] ?? 0));
  const first = order.slice(0, Math.ceil(order.length / 10)).map((index) => (ended[index] ?? 0) - (due[index] ?? 0));
  return first.length === 0 ? 0 : quantile(Float64Array.from(first).sort(), 0.5);
}

/** The time that rates are taken over, and the rate of requests by their indices. */
function ratesOf(
  run: Run,
  open: boolean,
): Pick<RunSummary, 'seconds'> & { readonly perSecond: (indices: number[]) => number } {
  const { durationMs, ended } = run;
  const latency = open ? inherentLatency(run) : 0;
  const last = ended.reduce((latest, at) => Math.max(latest, at), 0);
  // What is answered after the end belongs to a longer time than the run, but for the latency that every answer has.
  const seconds = Math.max(durationMs, last - latency) / 1000 || 1;
  const perSecond = (indices: number[]): number => {
    const all = indices.length / seconds;
    if (!open) return all;
    // A queue leaves many answers behind and delays the last one; latencies that differ do not do both.
    const inTime = indices.filter((index) => (ended[index] ?? 0) <= durationMs + latency);
    return Math.max(all, inTime.length / (durationMs / 1000 || 1));
  };
  return { seconds, perSecond };
}

/** Turns a run into figures. @param slo milliseconds within which an answer is good */
export function summaryOf(run: Run, open: boolean, slo = Infinity): RunSummary {
  const { due, sent, ended, status, capped, durationMs } = run;
  const latencies = ended.map((end, index) => end - (due[index] ?? 0));
  const counted = latencies.filter((_, index) => counts(status[index] ?? 0));
  const ascending = Float64Array.from(counted).sort();
  const lags = Float64Array.from(sent.map((at, index) => at - (due[index] ?? 0))).sort();
  const outcomes = outcomesOf(status);
  const { seconds, perSecond } = ratesOf(run, open);
  const answered = [...status.keys()].filter((index) => (status[index] ?? 0) > 0);
  const good = answered.filter((index) => succeeded(status[index] ?? 0) && (latencies[index] ?? 0) <= slo);
  return {
    ...(open ? { offeredPerSecond: due.length / (durationMs / 1000 || 1) } : {}),
    requests: due.length,
    outcomes,
    failedShare: due.length === 0 ? 0 : 1 - outcomes['2xx'] / due.length,
    throughput: perSecond(answered),
    goodput: perSecond(good),
    latency: summarize(counted),
    percentiles: counted.length === 0 ? [] : SHARES.map((share) => [share, quantile(ascending, share)] as const),
    histogram: logHistogram(counted),
    timeline: timelineOf(run, durationMs / 1000),
    lag: {
      p99: lags.length === 0 ? 0 : quantile(lags, 0.99),
      max: lags.at(-1) ?? 0,
      late: lags.filter((ms) => ms > LATE_MS).length,
    },
    ...{ capped, seconds },
  };
}
