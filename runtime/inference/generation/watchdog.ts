/** Barks when nothing is heard for too long while something is awaited. */
export class Watchdog {
  private awaited = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly patienceMs: number,
    private readonly bark: () => void,
  ) {}

  /** Something is awaited from now on, until what is returned is called. */
  watch(): () => void {
    this.awaited += 1;
    if (this.awaited === 1) this.heard();
    let over = false;
    return () => {
      if (over) return;
      over = true;
      this.awaited -= 1;
      if (this.awaited === 0) clearTimeout(this.timer);
    };
  }

  /** A sign of life. */
  heard(): void {
    clearTimeout(this.timer);
    if (this.awaited > 0) this.timer = setTimeout(this.bark, this.patienceMs);
  }
}
