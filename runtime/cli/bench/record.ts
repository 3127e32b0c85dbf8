/** How a request ended, beside statuses of HTTP. */
export const NO_ANSWER = {
  /** No answer in time. */
  timeout: -1,
  /** The connection failed. */
  connection: -2,
  /** It was due, and the run ended before it could be sent. */
  unsent: -3,
} as const;

/** How a request ended. */
export interface Outcome {
  /** Status of HTTP, or one of {@link NO_ANSWER}. */
  readonly status: number;
  /** Milliseconds for which the server asks not to be asked. @default - it does not */
  readonly retryAfterMs?: number;
}

/** Everything that was seen of a run, request by request. Times in milliseconds from its start. */
export interface Run {
  /** When a request was due; in a closed loop, when it was sent. */
  readonly due: readonly number[];
  readonly sent: readonly number[];
  readonly ended: readonly number[];
  readonly status: readonly number[];
  /** Requests that waited because as many as allowed were under way. */
  readonly capped: number;
  /** Length of the run: for how long requests came. */
  readonly durationMs: number;
}

/** Collects a run. */
export class Recorder {
  private readonly due: number[] = [];
  private readonly sent: number[] = [];
  private readonly ended: number[] = [];
  private readonly status: number[] = [];
  /** Requests that waited because as many as allowed were under way. */
  capped = 0;

  /** Requests so far. */
  get count(): number {
    return this.due.length;
  }

  /** Adds a request that has ended. */
  add(due: number, sent: number, ended: number, status: number): void {
    this.due.push(due);
    this.sent.push(sent);
    this.ended.push(ended);
    this.status.push(status);
  }

  /** What was collected. */
  finish(durationMs: number): Run {
    const { due, sent, ended, status, capped } = this;
    return { due, sent, ended, status, capped, durationMs };
  }
}
