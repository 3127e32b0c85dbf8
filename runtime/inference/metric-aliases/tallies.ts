import { TRITON_REASONS } from '../../contract';
import { outcomeOf } from './outcome';
import type { FailureReason } from './outcome';

/** One batch that a model ran. Times in seconds. */
export interface Execution {
  readonly requests: number;
  readonly rows: number;
  /** Putting its tensors together. */
  readonly input: number;
  /** Its run, the way to the model and back included. */
  readonly infer: number;
  /** Taking its tensors apart. */
  readonly output: number;
}

/** Sums of one version of a model. Times in seconds. */
export class Tally {
  success = 0;
  readonly failures: Record<FailureReason, number> = { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 };
  requestTime = 0;
  queueTime = 0;
  inferences = 0;
  executions = 0;
  inputTime = 0;
  inferTime = 0;
  outputTime = 0;

  /** A request is over. @param status as HTTP has it @param code stable code of its error */
  ended(status: number, code: string | undefined, seconds: number): void {
    const outcome = outcomeOf(status, code);
    if (outcome !== 'SUCCESS') this.failures[outcome] += 1;
    else {
      this.success += 1;
      this.requestTime += seconds;
    }
  }

  /** A batch was run. Each of its requests had all of its time. */
  executed({ requests, rows, input, infer, output }: Execution): void {
    this.executions += 1;
    this.inferences += rows;
    this.inputTime += requests * input;
    this.inferTime += requests * infer;
    this.outputTime += requests * output;
  }
}

/** A model and version, as metrics have them. */
export interface TallyLabels {
  readonly model: string;
  readonly version: string;
}

/** Sums by model and version. */
export class Tallies {
  private readonly byModel = new Map<string, Map<string, Tally>>();

  /** The sums of a version; new ones where there are none. Labels come from what is served, never from clients. */
  of({ model, version }: TallyLabels): Tally {
    let versions = this.byModel.get(model);
    if (versions === undefined) this.byModel.set(model, (versions = new Map<string, Tally>()));
    let tally = versions.get(version);
    if (tally === undefined) versions.set(version, (tally = new Tally()));
    return tally;
  }

  /** All sums. */
  *entries(): Generator<readonly [TallyLabels, Tally]> {
    for (const [model, versions] of this.byModel) {
      for (const [version, tally] of versions) yield [{ model, version }, tally];
    }
  }
}

/** Reasons, for whoever writes one series for each. */
export const REASONS: readonly FailureReason[] = TRITON_REASONS;
