import type { TrialReport } from './trial';

/** What a new model may differ in. */
export interface GateLimits {
  /** Largest difference of two numbers. @default - any */
  readonly maxDifference?: number;
  /** Least share of rows with the same choice. @default 0.99 */
  readonly minAgreement?: number;
  /** Largest loss of accuracy on the labels, as a share. @default 0.01 */
  readonly maxAccuracyLoss?: number;
  /** The output that is judged. @default - all */
  readonly output?: string;
}

/** Limits of those who state none. */
export const GATE_DEFAULTS = { minAgreement: 0.99, maxAccuracyLoss: 0.01 } as const;

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** What is wrong with a new model; empty when it passes. NaN and infinity that were not there before never pass. */
export function gateFailures(report: TrialReport, limits: GateLimits): readonly string[] {
  const { maxDifference = Infinity, output } = limits;
  const { minAgreement = GATE_DEFAULTS.minAgreement, maxAccuracyLoss = GATE_DEFAULTS.maxAccuracyLoss } = limits;
  const failures: string[] = [];
  for (const each of report.outputs) {
    if (each.notFinite > 0)
      failures.push(`${each.output} has ${each.notFinite} numbers that are NaN, infinite or missing`);
    if (output !== undefined && each.output !== output) continue;
    if (each.maxDifference > maxDifference) {
      failures.push(`${each.output} differs by ${each.maxDifference.toPrecision(3)}, allowed are ${maxDifference}`);
    }
    if (each.agreement < minAgreement) {
      failures.push(
        `${each.output} agrees in ${percent(each.agreement)} of the rows, wanted are ${percent(minAgreement)}`,
      );
    }
  }
  const { accuracy } = report;
  const loss = accuracy === undefined ? 0 : accuracy.original - accuracy.changed;
  if (loss > maxAccuracyLoss)
    failures.push(`the accuracy falls by ${percent(loss)}, allowed are ${percent(maxAccuracyLoss)}`);
  return failures;
}
