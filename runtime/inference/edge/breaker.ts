/** Told how a try ended. What ended after the breaker changed its mind says nothing any more. */
export interface Attempt {
  succeeded(): void;
  /** @param restMs milliseconds for which the neighbour asks to be left alone */
  failed(restMs?: number): void;
  /** It says nothing of the neighbour. */
  abandoned(): void;
}

/** Failures in a row that open it, and how long it stays open: at first, and at most. */
export const BREAKER = { failures: 5, firstMs: 1_000, mostMs: 30_000 } as const;

/** Keeps requests away from a neighbour that fails; then lets one request at a time try whether it is back. */
export class Breaker {
  private failures = 0;
  private pause: number = BREAKER.firstMs;
  private until = Number.NEGATIVE_INFINITY;
  private state: 'closed' | 'open' | 'trying' = 'closed';
  private era = 0;

  /** @param now milliseconds of a monotonic clock */
  constructor(private readonly now: () => number) {}

  /** True while it lets nobody through but those who try. */
  get open(): boolean {
    return this.state !== 'closed';
  }

  /** Seconds until a try makes sense, at least one. */
  get retryAfter(): number {
    return Math.max(1, Math.ceil((this.until - this.now()) / 1000));
  }

  /** Leave to ask the neighbour; undefined while it is left alone. */
  enter(): Attempt | undefined {
    if (this.state === 'trying' || this.now() < this.until) return undefined;
    if (this.state === 'open') this.become('trying');
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
    this.pause = BREAKER.firstMs;
    if (this.state !== 'closed') this.become('closed');
  }

  private fail(restMs: number): void {
    this.failures += 1;
    if (this.state === 'closed' && restMs === 0 && this.failures < BREAKER.failures) return;
    this.until = this.now() + Math.max(this.pause, Math.min(restMs, BREAKER.mostMs));
    this.pause = Math.min(2 * this.pause, BREAKER.mostMs);
    this.failures = 0;
    this.become('open');
  }

  private abandon(): void {
    if (this.state === 'trying') this.become('open');
  }

  private become(state: 'closed' | 'open' | 'trying'): void {
    this.state = state;
    this.era += 1;
  }
}
