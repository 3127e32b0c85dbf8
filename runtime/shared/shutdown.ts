import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { EXIT_CODES } from '../contract';
import type { HealthState } from './health';
import type { CutRequest } from './open-requests';

/** What the sequence acts on. */
export interface ShutdownParts {
  readonly health: HealthState;
  /** Closing it stops listening and waits for the requests in flight. */
  readonly app: { close(): PromiseLike<unknown> };
  /** Answers every open request that it is cut, and tells which these were. */
  readonly cut: () => readonly CutRequest[];
  /** Ends what lies behind the server: child processes, other listeners, watchers. */
  readonly release: () => Promise<void>;
  readonly log: Pick<FastifyBaseLogger, 'info' | 'error'>;
}

/** Lengths of the steps, in seconds. */
export interface ShutdownTimes {
  /** Not ready, still accepting. */
  readonly drainDelay: number;
  /** For requests in flight after the listener closed. */
  readonly grace: number;
}

/** For the answers to requests that are cut to reach their clients, in milliseconds. */
const FAREWELL_MS = 1_000;
/** Requests that the log names one by one. */
const LISTED = 50;

/**
 * Ends a server without losing a request: not ready → still accepting → stop listening → in-flight work → end. What is
 * not done in time is answered that it is cut. Nothing else keeps time while a server ends.
 */
export class Shutdown {
  private readonly hurry = new AbortController();
  private running: Promise<number> | undefined;

  constructor(
    private readonly parts: ShutdownParts,
    private readonly times: ShutdownTimes,
  ) {}

  /** Begins the sequence, or cuts it short when it has begun. Resolves to the exit code. */
  signal(name: string): Promise<number> {
    if (this.running === undefined) this.running = this.run(name);
    else this.hurry.abort();
    return this.running;
  }

  private async run(name: string): Promise<number> {
    const { health, app, log, release } = this.parts;
    health.markDraining();
    const { drainDelay, grace } = this.times;
    log.info({ signal: name, drainDelay, grace }, 'draining');
    await this.wait(drainDelay);
    const closed = app.close().then(() => true);
    const inTime = await Promise.race([closed, this.wait(grace).then(() => false)]);
    const served = inTime || (await this.part(closed));
    // Ends the timer of the grace period, which would keep the process alive.
    this.hurry.abort();
    await release();
    log.info('ended');
    return served ? EXIT_CODES.ok : EXIT_CODES.failure;
  }

  /** Answers what is still open, and gives the answers a moment to get out. True where nothing was, and all is closed. */
  private async part(closed: PromiseLike<boolean>): Promise<boolean> {
    const cut = this.parts.cut();
    // Told at once: whoever is in a hurry may end the process before the answers are out.
    if (cut.length > 0) {
      this.parts.log.error({ cut: cut.length, requests: cut.slice(0, LISTED) }, 'requests in flight were cut');
    }
    const over = new AbortController();
    const farewell = delay(FAREWELL_MS, false, { signal: over.signal }).catch(() => false);
    const ended = await Promise.race([closed, farewell]);
    over.abort();
    if (!ended && cut.length === 0) this.parts.log.error('the listeners did not close in time');
    return ended && cut.length === 0;
  }

  private async wait(seconds: number): Promise<void> {
    await delay(seconds * 1000, undefined, { signal: this.hurry.signal }).catch(() => undefined);
  }
}
