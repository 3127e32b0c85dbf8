/** Milliseconds between two looks at the clock. */
const EVERY_MS = 500;

/** How late the event loop is: what a process that makes no progress any more is told by. */
export class LoopLag {
  private tick: number;
  private last = 0;
  private readonly timer: NodeJS.Timeout;

  /** @param now milliseconds of a monotonic clock */
  constructor(private readonly now: () => number) {
    this.tick = now();
    this.timer = setInterval(() => this.look(), EVERY_MS);
    this.timer.unref();
  }

  /** Seconds that the latest turn of the loop came late, or that the present one is late already. */
  get seconds(): number {
    return Math.max(this.last, this.lateness()) / 1000;
  }

  /** Ends its timer. */
  close(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    this.last = this.lateness();
    this.tick = this.now();
  }

  private lateness(): number {
    return Math.max(0, this.now() - this.tick - EVERY_MS);
  }
}
