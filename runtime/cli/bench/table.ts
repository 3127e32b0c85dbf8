import { shortNumber } from '../report/svg';
import { textTable } from '../text-table';
import type { Column } from '../text-table';
import type { BenchReport, Phase } from './report';

const COLUMNS: readonly Column[] = [
  ...['offered/s', 'answers/s', 'good/s', 'failed', 'p50 ms', 'p90 ms', 'p99 ms', 'p99.9 ms', 'max ms'],
].map((title) => ({ title, number: true }));

/** The figures of a phase, in the order of the columns. */
export function cellsOf({ rate, summary }: Phase): readonly string[] {
  const { latency, throughput, goodput, failedShare } = summary;
  const times = latency && [latency.p50, latency.p90, latency.p99, latency.p999, latency.max];
  return [
    rate === undefined ? '–' : shortNumber(rate),
    ...[throughput, goodput].map(shortNumber),
    `${shortNumber(100 * failedShare)} %`,
    ...(times?.map(shortNumber) ?? COLUMNS.slice(4).map(() => '–')),
  ];
}

/** Headings of {@link cellsOf}. */
export const HEADINGS = COLUMNS.map(({ title }) => title);

/** How requests ended, without what did not happen. */
export function outcomesLine({ summary }: Phase): string {
  const parts = Object.entries(summary.outcomes).filter(([, count]) => count > 0);
  return parts.map(([kind, count]) => `${kind} ${count}`).join(', ') || 'no request';
}

/** The report for a terminal. */
export function tableOf(report: BenchReport): string {
  const { phases, saturation, warnings, loop } = report;
  const lines = [textTable(COLUMNS, phases.map(cellsOf))];
  const [only] = phases;
  if (phases.length === 1 && only) lines.push(`ended: ${outcomesLine(only)}`);
  if (saturation) {
    const { sustained, peakGoodput } = saturation;
    const kept = sustained === undefined ? 'no rate was kept up' : `kept up to ${shortNumber(sustained)}/s`;
    lines.push(`${kept}; at most ${shortNumber(peakGoodput)} good answers/s`);
  }
  if (loop === 'closed') {
    lines.push(
      'closed loop: callers wait for answers, so that time in the queue of a slow server is not seen; use --rate',
    );
  }
  return [...lines, ...warnings.map((warning) => `warning: ${warning}`)].join('\n');
}
