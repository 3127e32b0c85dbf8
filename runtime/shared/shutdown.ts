import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { EXIT_CODES } from '../contract';
import type { HealthState } from './health';

/** What the sequence acts on. */
export interface ShutdownParts {
  readonly health: HealthState;
  /** Closing it stops listening and waits for the requests in flight. */
  readonly app: { close(): PromiseLike<unknown> };
  /** Requests not answered yet; reported when they are cut. */
  readonly inFlight: () => number;
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

/** Ends a server without losing a request: not ready → still accepting → stop listening → in-flight work → end. */
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
    const served = await Promise.race([app.close().then(() => true), this.wait(grace).then(() => false)]);
    if (!served) log.error({ cut: this.parts.inFlight() }, 'requests in flight were cut');
    // Ends the timer of the grace period, which would keep the process alive.
    this.hurry.abort();
    await release();
    log.info('ended');
    return served ? EXIT_CODES.ok : EXIT_CODES.failure;
  }

  private async wait(seconds: number): Promise<void> {
    await delay(seconds * 1000, undefined, { signal: this.hurry.signal }).catch(() => undefined);
  }
}
