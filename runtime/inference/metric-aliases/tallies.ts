import { TRITON_REASONS } from '../../contract';
import { outcomeOf } from './outcome';
import type { FailureReason } from './outcome';

/** One batch that a model ran and answered. Times in seconds. */
export interface Execution {
  readonly requests: number;
  readonly rows: number;
  /** What its requests waited for it, summed. */
  readonly queued: number;
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
  failureTime = 0;
  /** Milliseconds since the epoch at which the last request was over; 0 before the first. */
  lastRequest = 0;
  queueTime = 0;
  /** Requests that the model ran for, and answered. */
  requests = 0;
  /** Their rows. */
  inferences = 0;
  executions = 0;
  inputTime = 0;
  inferTime = 0;
  outputTime = 0;
  cacheHits = 0;
  cacheHitTime = 0;
  cacheMisses = 0;
  cacheMissTime = 0;

  /** @param now milliseconds since the epoch */
  constructor(private readonly now: () => number) {}

  /** A request is over. @param status as HTTP has it @param code stable code of its error */
  ended(status: number, code: string | undefined, seconds: number): void {
    const outcome = outcomeOf(status, code);
    this.lastRequest = this.now();
    if (outcome !== 'SUCCESS') {
      this.failures[outcome] += 1;
      this.failureTime += seconds;
    } else {
      this.success += 1;
      this.requestTime += seconds;
    }
  }

  /** A batch was run. Each of its requests had all of its time. */
  executed({ requests, rows, queued, input, infer, output }: Execution): void {
    this.executions += 1;
    this.requests += requests;
    this.inferences += rows;
    this.queueTime += queued;
    this.inputTime += requests * input;
    this.inferTime += requests * infer;
    this.outputTime += requests * output;
  }

  /** An answer was looked for among those that are kept. */
  lookedUp(isHit: boolean, seconds: number): void {
    if (isHit) {
      this.cacheHits += 1;
      this.cacheHitTime += seconds;
    } else {
      this.cacheMisses += 1;
      this.cacheMissTime += seconds;
    }
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

  /** @param now milliseconds since the epoch */
  constructor(private readonly now: () => number) {}

  /** The sums of a version; new ones where there are none. Labels come from what is served, never from clients. */
  of({ model, version }: TallyLabels): Tally {
    let versions = this.byModel.get(model);
    if (versions === undefined) this.byModel.set(model, (versions = new Map<string, Tally>()));
    let tally = versions.get(version);
    if (tally === undefined) versions.set(version, (tally = new Tally(this.now)));
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
