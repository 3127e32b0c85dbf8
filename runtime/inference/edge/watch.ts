/** Seconds between two looks. */
const PAUSE_MS = 2_000;

/** Looks whether the upstream server would answer, as long as no local model does: that is when readiness depends on it. */
export class UpstreamWatch {
  private up = false;
  private looking = false;
  private readonly timer: NodeJS.Timeout;

  constructor(
    /** True while nobody has to look. */
    private readonly idle: () => boolean,
    private readonly look: () => Promise<boolean>,
  ) {
    this.timer = setInterval(() => void this.turn(), PAUSE_MS).unref();
    setImmediate(() => void this.turn());
  }

  /** True when the last look found that it would answer. */
  get reachable(): boolean {
    return this.up;
  }

  /** Stops looking. */
  close(): void {
    clearInterval(this.timer);
  }

  private async turn(): Promise<void> {
    if (this.looking || this.idle()) return;
    this.looking = true;
    this.up = await this.look().catch(() => false);
    this.looking = false;
  }
}
