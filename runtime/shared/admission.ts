import type { FastifyReply, FastifyRequest } from 'fastify';
import { notReady, tooBusy } from './errors';
import type { HealthState } from './health';
import { whenOver } from './when-over';

/** Takes requests in up to a limit and refuses the others at once: nothing waits without bound. */
export class Admission {
  private admitted = 0;

  constructor(
    private readonly limit: number,
    private readonly health: Pick<HealthState, 'started' | 'phase' | 'ready'>,
  ) {}

  /** Requests that were taken in and are not answered yet. */
  get inFlight(): number {
    return this.admitted;
  }

  /**
   * Takes a request in. Call what it returns when the request is over, once or more often.
   *
   * @throws RequestError 429 or 503
   */
  enter(): () => void {
    if (!this.health.started) throw notReady('starting');
    // A draining server still accepts: load balancers send here until they have noticed.
    if (this.health.phase === 'running' && !this.health.ready) throw notReady('recovering');
    if (this.admitted >= this.limit) throw tooBusy(this.limit);
    this.admitted += 1;
    let over = false;
    return () => {
      if (over) return;
      over = true;
      this.admitted -= 1;
    };
  }

  /** A hook for the routes that it guards. The place is held until the answer is sent or its client is gone. */
  readonly hook = (_request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    whenOver(reply, this.enter());
    done();
  };
}
