/** Milliseconds between two looks at the clock. */
const EVERY_MS = 500;

/** How late the event loop is: what a process that makes no progress any more is told by. */
export class LoopLag {
  private tick: number;
  private last = 0;
  private before = 0;
  private readonly timer: NodeJS.Timeout;

  /** @param now milliseconds of a monotonic clock */
  constructor(private readonly now: () => number) {
    this.tick = now();
    this.timer = setInterval(() => this.look(), EVERY_MS);
    this.timer.unref();
  }

  /**
   * Seconds that two turns in a row came late at least, the present one as far as it is late already. One alone says
   * nothing: a machine that was stopped for a while makes such a turn too.
   */
  get seconds(): number {
    return Math.max(Math.min(this.before, this.last), Math.min(this.last, this.lateness())) / 1000;
  }

  /** Ends its timer. */
  close(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    this.before = this.last;
    this.last = this.lateness();
    this.tick = this.now();
  }

  private lateness(): number {
    return Math.max(0, this.now() - this.tick - EVERY_MS);
  }
}
