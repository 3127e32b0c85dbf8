import type { OutputStatistics } from './statistics';
import type { TrialReport } from './trial';

/** What a new model may differ in. */
export interface GateLimits {
  /** Largest difference of two numbers. @default - any */
  readonly maxDifference?: number;
  /**
   * Largest relative error of an output.
   * @default 0.05 for outputs without choices, unless `maxDifference` bounds them; else any
   */
  readonly maxRelativeError?: number;
  /** Least share of rows with the same choice. @default 0.99 */
  readonly minAgreement?: number;
  /** The same for outputs that are no floats, which rounding does not touch. @default `minAgreement` */
  readonly minExactAgreement?: number;
  /** Largest loss of accuracy on the labels, as a share. @default 0.01, where the samples give an accuracy */
  readonly maxAccuracyLoss?: number;
  /** The output that is judged. @default - all */
  readonly output?: string;
}

/** Limits of those who state none. */
export const GATE_DEFAULTS = { minAgreement: 0.99, maxAccuracyLoss: 0.01, maxRelativeError: 0.05 } as const;

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** The largest relative error that an output may have; undefined where other limits decide. */
function relativeLimit({ rows }: Pick<OutputStatistics, 'rows'>, limits: GateLimits): number | undefined {
  if (limits.maxRelativeError !== undefined) return limits.maxRelativeError;
  // One number a row names no choice that could be the same: without this nothing would be asked of it.
  return rows === 0 && limits.maxDifference === undefined ? GATE_DEFAULTS.maxRelativeError : undefined;
}

const isJudged = (name: string, { output }: GateLimits): boolean => output === undefined || name === output;

/** The largest relative error of each output that a report was held to; outputs that other limits decide are absent. */
export function relativeLimits({ outputs }: TrialReport, limits: GateLimits): Readonly<Record<string, number>> {
  const judged = outputs.filter(({ output }) => isJudged(output, limits));
  const rows = judged.flatMap((each) => {
    const most = relativeLimit(each, limits);
    return most === undefined ? [] : [[each.output, most] as const];
  });
  return Object.fromEntries(rows);
}

/** The same in lines. */
export function gateText(report: TrialReport, limits: GateLimits): readonly string[] {
  return Object.entries(relativeLimits(report, limits)).map(
    ([output, most]) => `gate: the relative error of ${output} is at most ${percent(most)} (--max-relative-error)`,
  );
}

/** What is wrong with a new model; empty when it passes. NaN and infinity that were not there before never pass. */
export function gateFailures(report: TrialReport, limits: GateLimits): readonly string[] {
  const { maxDifference = Infinity } = limits;
  const relative = relativeLimits(report, limits);
  const { minAgreement = GATE_DEFAULTS.minAgreement, minExactAgreement = minAgreement } = limits;
  const failures: string[] = [];
  for (const each of report.outputs) {
    if (each.notFinite > 0)
      failures.push(`${each.output} has ${each.notFinite} numbers that are NaN, infinite or missing`);
    if (!isJudged(each.output, limits)) continue;
    const most = relative[each.output];
    if (most !== undefined && each.relativeError > most) {
      const error = percent(each.relativeError);
      failures.push(`${each.output} has a relative error of ${error}, allowed are ${percent(most)}`);
    }
    if (each.maxDifference > maxDifference) {
      failures.push(`${each.output} differs by ${each.maxDifference.toPrecision(3)}, allowed are ${maxDifference}`);
    }
    const least = each.exact ? minExactAgreement : minAgreement;
    if (each.agreement < least) {
      failures.push(`${each.output} agrees in ${percent(each.agreement)} of the rows, wanted are ${percent(least)}`);
    }
  }
  return [...failures, ...accuracyFailures(report, limits)];
}

function accuracyFailures({ accuracy }: TrialReport, { maxAccuracyLoss }: GateLimits): readonly string[] {
  if (accuracy === undefined) {
    if (maxAccuracyLoss === undefined) return [];
    return [
      'the samples give no accuracy, which --max-accuracy-loss asks for: a label a row, of an output with classes',
    ];
  }
  const allowed = maxAccuracyLoss ?? GATE_DEFAULTS.maxAccuracyLoss;
  const loss = accuracy.original - accuracy.changed;
  if (loss <= allowed) return [];
  return [`the accuracy falls by ${percent(loss)}, allowed are ${percent(allowed)}`];
}
