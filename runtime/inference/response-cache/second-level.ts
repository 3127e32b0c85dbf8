import { Breaker } from '../../shared/breaker';
import type { Attempt, BreakerState } from '../../shared/breaker';
import { tensorBytes } from '../tensors/tensor';
import { decodeEntry, encodeEntry } from './entry';
import type { Outputs } from './entry';

/** A store of bytes under keys that others share. */
export interface SharedStore {
  /** The bytes of a key; null where there are none. What is no bytes is a wrong reply. */
  get(key: string): Promise<unknown>;
  set(key: string, value: Buffer, ttlMs: number): Promise<unknown>;
  /** Drops the connection, and what waits on it, for a new one. */
  renew(): void;
  close(): void;
}

/** What came of asking the second level. */
export type SecondLevelOutcome = 'hit' | 'miss' | 'stored' | 'late' | 'failed' | 'wrong' | 'refused';

/** What {@link SecondLevel} works with. */
export interface SecondLevelParts {
  readonly store: SharedStore;
  /** Milliseconds that a request waits for it at most. */
  readonly waitMs: number;
  readonly observe: (outcome: SecondLevelOutcome) => void;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
}

const BREAKER = { failures: 3, pauseMs: 500, mostPauseMs: 10_000 } as const;
/** Milliseconds after which a command counts as failed; a request waits much shorter. */
const MOST_MS = 250;
/** Commands that are under way at a time. */
const MOST_COMMANDS = 256;
const MOST_BYTES = 4 * 2 ** 20;
const PREFIX = 'lnmt:answer:';

/** Rejects after so many milliseconds. */
async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no reply within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Answers that several servers share, behind a breaker. It never fails a request, and holds none up for longer than it
 * is told: what comes later, or is not what was written, counts as if it were not there.
 */
export class SecondLevel {
  private readonly breaker: Breaker;
  private commands = 0;

  constructor(private readonly parts: SecondLevelParts) {
    this.breaker = new Breaker(BREAKER, parts.now, () => parts.store.renew());
  }

  get state(): BreakerState {
    return this.breaker.state;
  }

  /** The answer of a key; undefined where there is none in time. */
  async get(key: string): Promise<Outputs | undefined> {
    const attempt = this.enter();
    if (attempt === undefined) return undefined;
    const { store, waitMs, observe } = this.parts;
    const reply = this.run(attempt, async () => {
      const bytes = await within(store.get(PREFIX + key), MOST_MS);
      if (bytes === null) return { outcome: 'miss' } as const;
      const outputs = Buffer.isBuffer(bytes) ? decodeEntry(key, bytes) : undefined;
      if (outputs === undefined) return { outcome: 'wrong' } as const;
      return { outcome: 'hit', outputs } as const;
    });
    // A command that comes too late for the request still tells the breaker how the store does.
    const { outcome, outputs } = await within(reply, waitMs).catch((): Reply => ({ outcome: 'late' }));
    observe(outcome);
    return outputs;
  }

  /** Keeps an answer for so many seconds. Returns at once. */
  put(key: string, outputs: Outputs, seconds: number): void {
    const bytes = tensorBytes(outputs);
    if (bytes > MOST_BYTES) return;
    const attempt = this.enter();
    if (attempt === undefined) return;
    const { store, observe } = this.parts;
    const value = encodeEntry(key, outputs);
    const stored = this.run(attempt, async () => {
      await within(store.set(PREFIX + key, value, Math.ceil(1000 * seconds)), MOST_MS);
      return { outcome: 'stored' } as const;
    });
    void stored.then(({ outcome }) => observe(outcome));
  }

  close(): void {
    this.parts.store.close();
  }

  private enter(): Attempt | undefined {
    const attempt = this.commands < MOST_COMMANDS ? this.breaker.enter() : undefined;
    if (attempt === undefined) this.parts.observe('refused');
    return attempt;
  }

  /** One command: the breaker is told how it ended, however long that takes. */
  private async run(attempt: Attempt, command: () => Promise<Reply>): Promise<Reply> {
    this.commands += 1;
    try {
      const reply = await command();
      if (reply.outcome === 'wrong') attempt.failed();
      else attempt.succeeded();
      return reply;
    } catch {
      attempt.failed();
      return { outcome: 'failed' };
    } finally {
      this.commands -= 1;
    }
  }
}

interface Reply {
  readonly outcome: SecondLevelOutcome;
  readonly outputs?: Outputs;
}
