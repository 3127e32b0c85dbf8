import type { Context } from '@opentelemetry/api';
import { traceBatch } from '../../shared/batch-trace';
import type { Cancellation } from '../../shared/cancellation';
import { timerMs } from '../../shared/timers';
import type { Backend, ModelSignature } from '../backends/backend';
import { clientGone, deadlinePassed, modelProcessLost, queueFull } from '../errors';
import { isHostLoss, isOutOfMemory, isRefusal } from '../errors';
import type { Execution } from '../metric-aliases/tallies';
import type { BatchingInForce } from '../model-configuration';
import { tensorBytes } from '../tensors/tensor';
import type { Tensor } from '../tensors/tensor';
import { decide } from './decide';
import type { BatchPolicy, QueuedRequest } from './decide';
import { bucketOf, mayBatch, mergeInputs, rowsOf, splitOutputs } from './tensors';
import { Turns } from './turns';
import type { Caller } from './turns';

/** What the batcher tells of its work. Times in seconds. */
export interface QueueObserver {
  /** How long a request waited before it began. */
  waited(seconds: number): void;
  /** How long a batch ran, and how many requests it held. One that failed ran, too. */
  ran(seconds: number, requests: number): void;
  /** A request was given up before it ran, because its client left or its deadline passed. */
  dropped(reason: 'left' | 'expired'): void;
  /** A run failed. @default - nobody is told */
  failed?(error: unknown): void;
  /** A batch was run and answered. */
  executed(execution: Execution): void;
}

/** What an operator says of batching. */
export interface BatchSettings {
  /** Most rows of a batch; 0 leaves it to what was measured at load, 1 switches batching off. */
  readonly maxRows: number;
  /** Seconds for which a batch may wait to grow while the model is busy. */
  readonly maxDelay: number;
  /** Sizes worth waiting for, ascending. */
  readonly preferred: readonly number[];
  /** Requests that may wait; one more is refused. */
  readonly maxQueue: number;
}

/** What a request says of its turn. */
export interface Turn {
  /** Fires when the client leaves. */
  readonly signal: Cancellation;
  /** Milliseconds on the batcher’s clock at which the answer is of no use any more. */
  readonly deadline?: number | undefined;
  /** 1 is served first among those of its caller; {@link DEFAULT_PRIORITY} where nothing is said, or 0. */
  readonly priority?: number | undefined;
  /** Who asks: callers take turns. */
  readonly caller?: string | undefined;
  /** Trace that it belongs to. */
  readonly trace?: Context | undefined;
}

/** Priority of requests that state none: some are more urgent, and some less. */
const DEFAULT_PRIORITY = 8;

interface Entry extends QueuedRequest {
  bucket: string | undefined;
  left: boolean;
  /** It was lost with a host once, and runs by itself: it may be what ended it. */
  alone: boolean;
  caller: Caller;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly string[];
  readonly signal: Cancellation;
  readonly trace: Context | undefined;
  readonly leave: () => void;
  readonly resolve: (outputs: readonly Tensor[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Milliseconds for which requests wait for a host that is being replaced, and between looks at it. */
const RECOVERY = { patience: 1_000, look: 20 } as const;

/** Most bytes of inputs that are put together: they are copied, and sent to the host in one piece. */
const MOST_BATCH_BYTES = 256 * 2 ** 20;

const DEFAULT_SETTINGS: BatchSettings = { maxRows: 0, maxDelay: 0, preferred: [], maxQueue: 1_000 };

/**
 * The queue of one model. Requests that wait are put together as soon as a worker is free, so nothing waits for company
 * while the model is idle. Its length is bounded, and work whose client has left is dropped before it begins.
 */
export class Batcher {
  private queue: Entry[] = [];
  private readonly turns = new Turns();
  private busy = 0;
  private batches = false;
  private scheduled = false;
  private timer: NodeJS.Timeout | undefined;
  private downSince: number | undefined;
  private runMs = 0;

  /** @param now milliseconds of a monotonic clock */
  constructor(
    private readonly backend: Backend,
    private readonly observer: QueueObserver,
    private readonly now: () => number,
    private readonly settings: BatchSettings = DEFAULT_SETTINGS,
  ) {}

  /** Tells what the loaded model takes; before that nothing shares a batch. */
  configure(signature: ModelSignature): void {
    this.batches = mayBatch(signature) && this.policy().maxRows > 1;
  }

  /** How requests are put together now. */
  inForce(): BatchingInForce {
    const { preferred, maxDelay } = this.settings;
    const maxRows = this.batches ? this.policy().maxRows : 1;
    return { maxRows, preferred, maxDelay, workers: this.backend.capacity().workers };
  }

  /** Requests that wait now. */
  get waiting(): number {
    return this.queue.length;
  }

  /**
   * Runs the model on these inputs when their turn comes.
   *
   * @throws RequestError when the client left, the deadline passed, the queue is full or the run failed
   */
  submit(inputs: readonly Tensor[], outputs: readonly string[], turn: Turn): Promise<readonly Tensor[]> {
    const { signal, deadline = Number.POSITIVE_INFINITY, priority, caller, trace } = turn;
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(clientGone());
      if (this.queue.length >= this.settings.maxQueue) return reject(queueFull(this.settings.maxQueue));
      const rows = this.batches ? rowsOf(inputs) : undefined;
      // No spread: it costs more than the rest of this function, for every request.
      const entry: Entry = {
        inputs,
        outputs,
        signal,
        trace,
        deadline,
        priority: priority || DEFAULT_PRIORITY,
        resolve,
        reject,
        rows: rows ?? 1,
        bytes: tensorBytes(inputs),
        caller: this.turns.came(caller),
        since: this.now(),
        left: false,
        alone: false,
        bucket: rows === undefined ? undefined : bucketOf(inputs, outputs),
        leave: () => this.drop(entry),
      };
      signal.addEventListener('abort', entry.leave, { once: true });
      this.queue.push(entry);
      this.schedule();
    });
  }

  private policy(): BatchPolicy {
    const { maxRows, maxDelay, preferred } = this.settings;
    const measured = this.backend.capacity().maxRows;
    const most = { maxRows: maxRows || measured, maxBytes: MOST_BATCH_BYTES };
    return { ...most, maxDelay: maxDelay * 1000, preferred, runMs: this.runMs };
  }

  /** Everything that arrived in this turn of the event loop is decided on together. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.pump();
    });
  }

  private later(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.pump(), Math.max(1, timerMs(ms)));
  }

  private pump(): void {
    clearTimeout(this.timer);
    if (!this.backend.healthy()) return this.hold();
    this.downSince = undefined;
    const all = this.backend.capacity().workers;
    for (;;) {
      const { drop, send, wait } = decide(this.now(), this.queue, this.policy(), { free: all - this.busy, all });
      const batch = this.take(send, drop);
      this.wakeForDeadlines(wait);
      if (batch.length === 0) return;
      void this.perform(batch);
    }
  }

  /** A batch that waits, or a request that may expire while every worker is busy, needs another look. */
  private wakeForDeadlines(wait: number | undefined): void {
    if (wait !== undefined) return this.later(wait);
    const first = this.firstDeadline();
    if (Number.isFinite(first)) this.later(first - this.now());
  }

  private firstDeadline(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { deadline } of this.queue) first = Math.min(first, deadline);
    return first;
  }

  /** Waits a little for the host that replaces a dead one, and refuses what would wait longer or has expired. */
  private hold(): void {
    const now = this.now();
    this.take(
      [],
      this.queue.flatMap(({ deadline }, place) => (deadline <= now ? [place] : [])),
    );
    if (this.queue.length === 0) {
      // Nobody waits, so nobody sees when it is over.
      this.downSince = undefined;
      return;
    }
    this.downSince ??= now;
    if (now - this.downSince < RECOVERY.patience)
      return this.later(Math.min(RECOVERY.look, this.firstDeadline() - now));
    for (const entry of this.queue) {
      this.turns.gaveUp(entry.caller);
      this.settle(entry, () => entry.reject(modelProcessLost()));
    }
    this.queue = [];
    this.downSince = undefined;
  }

  /** Takes requests out of the queue: those of the batch, and those that nobody waits for. */
  private take(send: readonly number[], drop: readonly number[]): readonly Entry[] {
    if (send.length === 0 && drop.length === 0) return [];
    const batch = send.flatMap((place) => this.queue[place] ?? []);
    const expired = drop.flatMap((place) => this.queue[place] ?? []);
    const gone = new Set([...batch, ...expired]);
    this.queue = this.queue.length === gone.size ? [] : this.queue.filter((entry) => !gone.has(entry));
    for (const entry of expired) {
      this.turns.gaveUp(entry.caller);
      this.observer.dropped('expired');
      this.settle(entry, () => entry.reject(deadlinePassed()));
    }
    for (const { caller, rows } of batch) this.turns.served(caller, rows);
    return batch;
  }

  private drop(entry: Entry): void {
    entry.left = true;
    const place = this.queue.indexOf(entry);
    if (place < 0) return;
    this.queue.splice(place, 1);
    this.turns.gaveUp(entry.caller);
    this.observer.dropped('left');
    this.settle(entry, () => entry.reject(clientGone()));
  }

  private settle(entry: Entry, answer: () => void): void {
    entry.signal.removeEventListener('abort', entry.leave);
    answer();
  }

  private async perform(batch: readonly Entry[]): Promise<void> {
    const started = this.now();
    const workers = batch.some(({ alone }) => alone) ? this.backend.capacity().workers : 1;
    this.busy += workers;
    for (const { since } of batch) this.observer.waited((started - since) / 1000);
    const traced = traceBatch(batch.map(({ trace, since }) => ({ trace, waitedMs: started - since })));
    try {
      const inputs = mergeInputs(batch.map((entry) => entry.inputs));
      const merged = this.now();
      traced.host();
      const results = await this.backend.run(inputs, batch[0]?.outputs ?? []);
      const answered = this.now();
      this.runMs = answered - started;
      this.observer.ran(this.runMs / 1000, batch.length);
      traced.end(false);
      if (this.answer(batch, results)) this.tell(batch, [started, merged, answered]);
    } catch (error) {
      this.observer.ran((this.now() - started) / 1000, batch.length);
      this.observer.failed?.(error);
      traced.end(true);
      this.recover(batch, error);
    } finally {
      this.busy -= workers;
      this.schedule();
    }
  }

  private tell(batch: readonly Entry[], [started, merged, answered]: readonly [number, number, number]): void {
    this.observer.executed({
      requests: batch.length,
      rows: batch.reduce((sum, { rows }) => sum + rows, 0),
      queued: batch.reduce((sum, { since }) => sum + (started - since), 0) / 1000,
      input: (merged - started) / 1000,
      infer: (answered - merged) / 1000,
      output: (this.now() - answered) / 1000,
    });
  }

  /** Gives each request its part; false where the parts cannot be told, and the requests run again. */
  private answer(batch: readonly Entry[], results: readonly Tensor[]): boolean {
    const rows = batch.map((entry) => entry.rows);
    const parts = splitOutputs(results, rows);
    if (parts === undefined) {
      // Its signature promised a row for every row and the graph does not keep that: it never batches again.
      this.batches = false;
      this.again(batch);
      return false;
    }
    batch.forEach((entry, index) => this.settle(entry, () => entry.resolve(parts[index] ?? [])));
    return true;
  }

  private recover(batch: readonly Entry[], error: unknown): void {
    // One bad request must not fail those that happened to share its batch, and each alone needs less memory.
    if ((isRefusal(error) || isOutOfMemory(error)) && batch.length > 1) return this.again(batch);
    const [again, lost] = [batch.filter((entry) => isHostLoss(error) && !entry.alone), [] as Entry[]];
    for (const entry of batch) if (!again.includes(entry)) lost.push(entry);
    for (const entry of again) entry.alone = true;
    for (const entry of lost) this.settle(entry, () => entry.reject(error));
    this.again(again);
  }

  /** Puts requests back in front, each to be run in a batch of its own. */
  private again(batch: readonly Entry[]): void {
    const waiting = batch.filter((entry) => !entry.left);
    for (const entry of batch) if (entry.left) this.settle(entry, () => entry.reject(clientGone()));
    for (const entry of waiting) {
      entry.bucket = undefined;
      entry.caller = this.turns.again(entry.caller, entry.rows);
    }
    this.queue.unshift(...waiting);
    this.schedule();
  }
}
