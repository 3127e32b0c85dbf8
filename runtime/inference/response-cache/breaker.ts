/** `half-open`: one try is under way that decides. */
export type BreakerState = 'closed' | 'half-open' | 'open';

/** When a breaker opens, and for how long. */
export interface BreakerSettings {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** Milliseconds until the first try; twice as long after each that fails. */
  readonly pauseMs: number;
  readonly mostPauseMs: number;
}

/** Told how a try ended; what ended after the breaker opened changes nothing. */
export interface Attempt {
  readonly succeeded: () => void;
  readonly failed: () => void;
}

/** Keeps requests away from a neighbour that does not answer, and tries it again with one request at a time. */
export class Breaker {
  private failures = 0;
  private until = 0;
  private pause: number;
  private current: BreakerState = 'closed';
  /** Attempts of an earlier state say nothing of this one. */
  private era = 0;

  /**
   * @param opened told each time that it opens
   * @param now milliseconds of a monotonic clock
   */
  constructor(
    private readonly settings: BreakerSettings,
    private readonly opened: () => void,
    private readonly now: () => number,
  ) {
    this.pause = settings.pauseMs;
  }

  get state(): BreakerState {
    return this.current;
  }

  /** Leave to try; undefined while it is open. */
  enter(): Attempt | undefined {
    if (this.current === 'half-open') return undefined;
    if (this.current === 'open') {
      if (this.now() < this.until) return undefined;
      this.become('half-open');
    }
    const era = this.era;
    return {
      succeeded: () => {
        if (era === this.era) this.succeed();
      },
      failed: () => {
        if (era === this.era) this.fail();
      },
    };
  }

  private succeed(): void {
    this.failures = 0;
    if (this.current === 'closed') return;
    this.pause = this.settings.pauseMs;
    this.become('closed');
  }

  private fail(): void {
    this.failures += 1;
    if (this.current === 'closed' && this.failures < this.settings.failures) return;
    if (this.current === 'half-open') this.pause = Math.min(2 * this.pause, this.settings.mostPauseMs);
    this.failures = 0;
    this.until = this.now() + this.pause;
    this.become('open');
    this.opened();
  }

  private become(state: BreakerState): void {
    this.current = state;
    this.era += 1;
  }
}
