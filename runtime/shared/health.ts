/** Phases of a server's life; each is entered once, in this order. */
export type Phase = 'starting' | 'running' | 'draining';

/** Seconds that the event loop may be late before the process counts as dead: far more than load makes it. */
export const MAX_LOOP_LAG = 5;

/** Health as three truths. Readiness is computed when asked, never stored. */
export class HealthState {
  private current: Phase = 'starting';
  private loaded = false;
  private readonly drainListeners: (() => void)[] = [];

  /**
   * @param canServe whether a request would be answered now, as far as what lies behind the server is concerned
   * @param lag seconds that the event loop is late
   */
  constructor(
    private readonly canServe: () => boolean,
    private readonly lag: () => number = () => 0,
  ) {}

  /** True while the process makes progress. Load, models and neighbours have no part in it. */
  get live(): boolean {
    return this.lag() < MAX_LOOP_LAG;
  }

  /** The phase that the server is in. */
  get phase(): Phase {
    return this.current;
  }

  /** True once everything required was loaded for the first time; stays true. */
  get started(): boolean {
    return this.loaded;
  }

  /** True while an inference request would be answered now. */
  get ready(): boolean {
    return this.current === 'running' && this.canServe();
  }

  /** Everything required is loaded. */
  markStarted(): void {
    this.loaded = true;
    if (this.current === 'starting') this.current = 'running';
  }

  /** The server is about to end: not ready any more, whatever else happens. */
  markDraining(): void {
    if (this.current === 'draining') return;
    this.current = 'draining';
    for (const listener of this.drainListeners) listener();
  }

  /** Tells a listener once when the server begins to end. */
  onDraining(listener: () => void): void {
    this.drainListeners.push(listener);
  }
}
