/** `half-open`: one try is under way that decides. */
export type BreakerState = 'closed' | 'half-open' | 'open';

/** Told how a try ended. What ended after the breaker changed its mind says nothing any more. */
export interface Attempt {
  succeeded(): void;
  /** @param restMs milliseconds for which the neighbour asks to be left alone */
  failed(restMs?: number): void;
  /** It says nothing of the neighbour. */
  abandoned(): void;
}

/** When a breaker opens, and for how long. */
export interface BreakerSettings {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** Milliseconds until the first try; twice as long after each that fails. */
  readonly pauseMs: number;
  readonly mostPauseMs: number;
}

/** Keeps requests away from a neighbour that fails; then lets one request at a time try whether it is back. */
export class Breaker {
  private failures = 0;
  private pause: number;
  private until = Number.NEGATIVE_INFINITY;
  private current: BreakerState = 'closed';
  /** Attempts of an earlier state say nothing of this one. */
  private era = 0;

  /**
   * @param now milliseconds of a monotonic clock
   * @param opened told each time that it opens
   */
  constructor(
    private readonly settings: BreakerSettings,
    private readonly now: () => number,
    private readonly opened: () => void = () => undefined,
  ) {
    this.pause = settings.pauseMs;
  }

  get state(): BreakerState {
    return this.current;
  }

  /** True while it lets nobody through but those who try. */
  get open(): boolean {
    return this.current !== 'closed';
  }

  /** Seconds until a try makes sense, at least one. */
  get retryAfter(): number {
    return Math.max(1, Math.ceil((this.until - this.now()) / 1000));
  }

  /** Leave to ask the neighbour; undefined while it is left alone. */
  enter(): Attempt | undefined {
    if (this.current === 'half-open' || this.now() < this.until) return undefined;
    if (this.current === 'open') this.become('half-open');
    const era = this.era;
    const ifCurrent = (change: () => void): void => {
      if (era === this.era) change();
    };
    return {
      succeeded: () => ifCurrent(() => this.succeed()),
      failed: (restMs = 0) => ifCurrent(() => this.fail(restMs)),
      abandoned: () => ifCurrent(() => this.abandon()),
    };
  }

  private succeed(): void {
    this.failures = 0;
    this.pause = this.settings.pauseMs;
    if (this.current !== 'closed') this.become('closed');
  }

  private fail(restMs: number): void {
    const { failures, mostPauseMs } = this.settings;
    this.failures += 1;
    if (this.current === 'closed' && restMs === 0 && this.failures < failures) return;
    this.until = this.now() + Math.max(this.pause, Math.min(restMs, mostPauseMs));
    this.pause = Math.min(2 * this.pause, mostPauseMs);
    this.failures = 0;
    this.become('open');
    this.opened();
  }

  private abandon(): void {
    if (this.current === 'half-open') this.become('open');
  }

  private become(state: BreakerState): void {
    this.current = state;
    this.era += 1;
  }
}
