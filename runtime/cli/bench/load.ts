import { setTimeout as delay } from 'node:timers/promises';
import type { Arrivals } from './arrivals';
import { NO_ANSWER, Recorder } from './record';
import type { Outcome, Run } from './record';

/** Sends a request, the so-manieth; never rejects. */
export type Send = (index: number) => Promise<Outcome>;

/** What both loops go by. */
export interface LoopOptions {
  readonly send: Send;
  readonly durationMs: number;
  readonly maxRequests: number;
  /** Requests under way at once. */
  readonly maxInFlight: number;
  /** Send nothing for as long as a refusal asks. */
  readonly honourRetryAfter: boolean;
  /** Ends the run early; what was measured stays. */
  readonly signal: AbortSignal;
}

/** After the end of the arrivals, what is due and could not be sent is sent for so long. */
const BACKLOG_MS = 10_000;
/** A timer may come that late; what is due sooner is waited for in the event loop. */
const TIMER_SLACK_MS = 1.5;
/** A server cannot put a run to sleep. */
const MOST_HELD_MS = 30_000;

/** An open loop: requests leave when they are due, whatever became of those before. */
class OpenLoop {
  private readonly recorder = new Recorder();
  private readonly start = performance.now();
  private next: number | undefined;
  private inFlight = 0;
  private index = 0;
  private heldUntil = 0;
  /** When as many as allowed were last under way. */
  private fullAt = -1;
  private waiting = false;
  private arrived = 0;
  /** When arrivals ended, which may be long before the time was over. */
  private stoppedAt: number | undefined;
  private finish: (run: Run) => void = () => undefined;

  constructor(
    private readonly options: LoopOptions,
    private readonly arrivals: Arrivals,
    private readonly gapMs: number,
  ) {
    this.advance();
  }

  run(): Promise<Run> {
    const done = new Promise<Run>((resolve) => {
      this.finish = resolve;
    });
    this.pump();
    return done;
  }

  private readonly pump = (): void => {
    this.waiting = false;
    let now = performance.now() - this.start;
    if (this.options.signal.aborted) this.stop(now);
    while (this.next !== undefined && this.next <= now && this.mayLeave(now)) {
      this.leave(this.next, now);
      this.advance();
      now = performance.now() - this.start;
    }
    if (now > this.options.durationMs + BACKLOG_MS) this.giveUp(now);
    if (this.next !== undefined) this.wait(Math.max(this.next, this.heldUntil) - now);
    else if (this.inFlight === 0) this.finish(this.recorder.finish(this.stoppedAt ?? this.options.durationMs));
  };

  private advance(): void {
    const last = this.next;
    this.next = this.arrivals();
    if (this.next !== undefined) this.arrived += 1;
    // The last of a bounded number stands for one gap, as each before it did.
    else this.stop(this.arrived < this.options.maxRequests ? Infinity : (last ?? 0) + this.gapMs);
  }

  private stop(at: number): void {
    this.next = undefined;
    this.stoppedAt ??= Math.min(at, this.options.durationMs);
  }

  private mayLeave(now: number): boolean {
    return now >= this.heldUntil && this.inFlight < this.options.maxInFlight;
  }

  private leave(due: number, sent: number): void {
    if (due < this.fullAt) this.recorder.capped += 1;
    this.inFlight += 1;
    void this.options.send(this.index++).then(({ status, retryAfterMs }) => {
      const ended = performance.now() - this.start;
      if (this.inFlight === this.options.maxInFlight) this.fullAt = ended;
      this.inFlight -= 1;
      if (retryAfterMs !== undefined && this.options.honourRetryAfter) {
        this.heldUntil = Math.max(this.heldUntil, ended + Math.min(retryAfterMs, MOST_HELD_MS));
      }
      this.recorder.add(due, sent, ended, status);
      // Otherwise a timer will look, and what is due meanwhile is not there yet.
      if (!this.waiting || this.next === undefined || this.next <= ended) this.pump();
    });
  }

  private wait(ms: number): void {
    if (this.waiting || this.inFlight >= this.options.maxInFlight) return;
    this.waiting = true;
    if (ms > TIMER_SLACK_MS) setTimeout(this.pump, ms - TIMER_SLACK_MS);
    else setImmediate(this.pump);
  }

  private giveUp(now: number): void {
    while (this.next !== undefined) {
      this.recorder.add(this.next, now, now, NO_ANSWER.unsent);
      this.advance();
    }
  }
}

/**
 * Sends requests at the times of `arrivals`. Latency counts from when a request was due, so that a server that stalls
 * is charged for everyone who came meanwhile (no coordinated omission). The run is as long as there were arrivals.
 *
 * @param gapMs milliseconds between two arrivals in the mean
 */
export function openLoop(options: LoopOptions, arrivals: Arrivals, gapMs: number): Promise<Run> {
  return new OpenLoop(options, arrivals, gapMs).run();
}

/** Sends the next request when one has been answered, `maxInFlight` at a time. */
export async function closedLoop(options: LoopOptions): Promise<Run> {
  const { send, durationMs, maxRequests, maxInFlight, honourRetryAfter, signal } = options;
  const recorder = new Recorder();
  const start = performance.now();
  let index = 0;
  const caller = async (): Promise<void> => {
    while (!signal.aborted) {
      const sent = performance.now() - start;
      if (sent >= durationMs || index >= maxRequests) return;
      const { status, retryAfterMs } = await send(index++);
      recorder.add(sent, sent, performance.now() - start, status);
      if (retryAfterMs !== undefined && honourRetryAfter) {
        const left = durationMs - (performance.now() - start);
        await delay(Math.max(0, Math.min(retryAfterMs, MOST_HELD_MS, left)), undefined, { signal }).catch(
          () => undefined,
        );
      }
    }
  };
  await Promise.all(Array.from({ length: maxInFlight }, caller));
  return recorder.finish(Math.min(durationMs, performance.now() - start));
}
