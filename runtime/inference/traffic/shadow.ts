import { setImmediate as nextTurn } from 'node:timers/promises';
import { RequestError } from '../../shared/errors';
import type { Answer } from '../registry';
import type { Infer, InferenceCall } from '../serving/layer';
import { compareOutputs } from './difference';
import type { Difference } from './difference';
import type { ShadowRule } from './rule';

/** What came of a copy. `dropped`: too many were under way. */
export type ShadowOutcome = 'same' | 'different' | 'failed' | 'dropped';

/** Told what came of copies. */
export interface ShadowObserver {
  readonly ended: (model: string, version: string, outcome: ShadowOutcome) => void;
  /** Seconds until the answer to a copy. */
  readonly took: (model: string, version: string, seconds: number) => void;
  /** The largest deviation of a number, as a share of what it should be. */
  readonly deviated: (model: string, version: string, deviation: number) => void;
  readonly failed: (model: string, version: string, error: unknown) => void;
}

/** A copy of a request, and the answer that it is held against. */
export interface Copy {
  readonly call: InferenceCall;
  readonly answer: Answer;
  /** The version that gets it. */
  readonly version: string;
  readonly rule: ShadowRule;
}

/** Later than every request that someone waits for. */
const LAST = 1_000_000;
const MOST_MS = 30_000;

/** Sends copies of requests to another version, after the answer and at its own risk: nobody waits for them. */
export class Shadow {
  private readonly running = new Map<string, number>();
  private readonly ending = new AbortController();
  private readonly work = new Set<Promise<void>>();

  constructor(
    private readonly next: Infer,
    private readonly observe: ShadowObserver,
    /** Milliseconds of a monotonic clock. */
    private readonly now: () => number,
  ) {}

  /** Sends a copy, unless too many are under way. Never throws, and returns at once. */
  send(copy: Copy): void {
    const { name } = copy.call;
    const underWay = this.running.get(name) ?? 0;
    if (this.ending.signal.aborted || underWay >= copy.rule.concurrency) {
      return this.observe.ended(name, copy.version, 'dropped');
    }
    this.running.set(name, underWay + 1);
    const work = this.run(copy).finally(() => {
      this.running.set(name, (this.running.get(name) ?? 1) - 1);
      this.work.delete(work);
    });
    this.work.add(work);
  }

  /** Cancels what is under way, and waits until it is over. */
  async close(): Promise<void> {
    this.ending.abort();
    await Promise.all(this.work);
  }

  private async run({ call, answer, version, rule }: Copy): Promise<void> {
    // The answer goes out first.
    await nextTurn();
    const { name, request } = call;
    const started = this.now();
    try {
      const signal = AbortSignal.any([this.ending.signal, AbortSignal.timeout(MOST_MS)]);
      const { inputs, outputs } = request;
      const copied = { id: undefined, inputs, outputs, timeoutMs: MOST_MS, priority: LAST, cache: false };
      const got = await this.next({
        ...call,
        version,
        request: copied,
        signal,
        answering: undefined,
        judge: undefined,
        isCopy: true,
      });
      this.observe.took(name, version, (this.now() - started) / 1000);
      await nextTurn();
      this.judge(name, version, compareOutputs(got.outputs, answer.outputs, rule.tolerance));
    } catch (error) {
      this.observe.ended(name, version, 'failed');
      if (!(error instanceof RequestError)) this.observe.failed(name, version, error);
    }
  }

  private judge(name: string, version: string, { same, deviation }: Difference): void {
    this.observe.ended(name, version, same ? 'same' : 'different');
    if (deviation !== undefined) this.observe.deviated(name, version, deviation);
  }
}
