import { errorOf } from './protocol';
import type { GenerationStep } from './protocol';

/** Begins an answer in the model host. Steps come one by one until one has `finish`; the returned function ends it. */
export type Begin = (listener: GenerationListener) => () => void;

/** Who is told of the steps of an answer. */
export interface GenerationListener {
  readonly step: (step: GenerationStep) => void;
  /** The host is lost. */
  readonly fail: (error: Error) => void;
}

/** Most steps that are told at once: what is asked about each of them stays bounded. */
const MOST_STEPS = 64;

/** An answer in the making, to be read as its tokens come. */
export class Answer implements AsyncIterable<readonly GenerationStep[]> {
  private steps: GenerationStep[] = [];
  private ended = false;
  private left = false;
  private error: Error | undefined;
  private wake: (() => void) | undefined;
  private readonly end: () => void;

  /** @param free called once, when the host holds nothing of the answer any more */
  constructor(
    begin: Begin,
    signal: AbortSignal,
    private readonly free: () => void,
  ) {
    this.end = begin({ step: (step) => this.take(step), fail: (error) => this.finish(error) });
    if (signal.aborted) this.leave();
    else signal.addEventListener('abort', () => this.leave(), { once: true });
  }

  /** Ends the answer; its cache is freed at once. */
  cancel(): void {
    if (!this.ended && !this.left) this.end();
  }

  /** Nobody reads on. What the host still holds is freed when it says so. */
  private leave(): void {
    if (this.left) return;
    this.left = true;
    this.end();
    this.wake?.();
  }

  /** The steps that came since the last turn. @throws RequestError */
  async *[Symbol.asyncIterator](): AsyncIterator<readonly GenerationStep[]> {
    for (;;) {
      if (this.left) return;
      if (this.steps.length > 0) yield this.steps.splice(0, MOST_STEPS);
      else if (this.error !== undefined) throw this.error;
      else if (this.ended) return;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  private take(step: GenerationStep): void {
    if (step.finish === 'failed') return this.finish(errorOf(step));
    if (step.token !== undefined) this.steps.push(step);
    if (step.finish !== undefined) this.finish(undefined);
    else this.wake?.();
  }

  private finish(error: Error | undefined): void {
    this.ended = true;
    this.error = error;
    this.free();
    this.wake?.();
  }
}
