import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '../../../runtime/inference/batching/decide';
import type { BatchPolicy, QueuedRequest } from '../../../runtime/inference/batching/decide';
import { Turns } from '../../../runtime/inference/batching/turns';
import type { Caller } from '../../../runtime/inference/batching/turns';

/** Requests that a greedy caller keeps waiting. */
const KEPT = 64;
/** Times its largest batch that a caller gets at most while another one's next request waits. */
const SHARE = 3;
const ROWS = 4;

interface Entry extends QueuedRequest {
  readonly caller: Caller;
}

interface Wish {
  readonly rows: number;
  readonly priority: number;
  readonly bucket: string | undefined;
}

/** A queue as the batcher has it, in front of one worker, where time is counted in batches. */
class Queue {
  private readonly turns = new Turns();
  private entries: Entry[] = [];
  private now = 0;

  constructor(private readonly policy: BatchPolicy) {}

  ask(name: string, wish: Wish): Entry {
    const caller = this.turns.came(name);
    const always = { deadline: Number.POSITIVE_INFINITY, left: false, alone: false, bytes: 8 };
    const entry = { ...wish, ...always, caller, since: this.now };
    this.entries.push(entry);
    return entry;
  }

  leave(entry: Entry): void {
    this.turns.gaveUp(entry.caller);
    this.entries = this.entries.filter((each) => each !== entry);
  }

  of(name: string): number {
    return this.entries.filter(({ caller }) => caller.name === name).length;
  }

  /** Runs a batch. */
  serve(): readonly Entry[] {
    this.now += 10;
    const { send } = decide(this.now, this.entries, this.policy, { free: 1, all: 1 });
    const batch = send.flatMap((place) => this.entries[place] ?? []);
    this.entries = this.entries.filter((entry) => !batch.includes(entry));
    for (const { caller, rows } of batch) this.turns.served(caller, rows);
    return batch;
  }
}

const wish = (priority: fc.Arbitrary<number>): fc.Arbitrary<Wish> =>
  fc.record({
    rows: fc.integer({ min: 1, max: ROWS }),
    priority,
    bucket: fc.constantFrom('a', 'b', undefined),
  });

const world = fc.record({
  greedy: fc.integer({ min: 1, max: 5 }),
  maxRows: fc.integer({ min: 1, max: 8 }),
  wishes: fc.array(wish(fc.constantFrom(1, 1, 1, 8, 20)), { minLength: 1, maxLength: 40 }),
  calm: wish(fc.constantFrom(8, 16, 1_000_000)),
  before: fc.integer({ min: 0, max: 60 }),
  givesUp: fc.boolean(),
});

describe('a queue with callers that always call everything urgent', () => {
  it('serves the request of another one after a few batches of each, and not more (seed 5)', () => {
    fc.assert(
      fc.property(world, ({ greedy, maxRows, wishes, calm, before, givesUp }) => {
        const queue = new Queue({ maxRows, maxBytes: 64, maxDelay: 0, preferred: [], runMs: 1 });
        let asked = 0;
        const fill = (): void => {
          for (let caller = 0; caller < greedy; caller++) {
            while (queue.of(`greedy-${caller}`) < KEPT) {
              queue.ask(`greedy-${caller}`, wishes[asked++ % wishes.length] ?? calm);
            }
          }
        };
        for (let batch = 0; batch < before; batch++) {
          fill();
          queue.serve();
        }
        fill();
        // What it gave up before counts for nothing.
        if (givesUp) for (let turn = 0; turn < 20; turn++) queue.leave(queue.ask('calm', calm));
        const waits = queue.ask('calm', calm);
        const got = new Map<string, number>();
        for (let isServed = false; !isServed; fill()) {
          const batch = queue.serve();
          isServed = batch.includes(waits);
          if (isServed) break;
          for (const { caller, rows } of batch) got.set(caller.name, (got.get(caller.name) ?? 0) + rows);
          expect(Math.max(...got.values())).toBeLessThanOrEqual(SHARE * Math.max(maxRows, ROWS));
        }
      }),
      { seed: 5, numRuns: 400 },
    );
  });

  it('serves each request of one caller too: within 15 s and what it had waiting (seed 6)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 20 }), (priority, kept) => {
        const queue = new Queue({ maxRows: 1, maxBytes: 64, maxDelay: 0, preferred: [], runMs: 1 });
        const urgent = { rows: 1, priority: 1, bucket: undefined };
        const waits = queue.ask('one', { ...urgent, priority });
        // A batch takes 10 ms.
        for (let batch = 0; ; batch++) {
          while (queue.of('one') <= kept) queue.ask('one', urgent);
          expect(batch).toBeLessThanOrEqual((priority - 1) * 100 + kept + 1);
          if (queue.serve().includes(waits)) return;
        }
      }),
      { seed: 6, numRuns: 60 },
    );
  });
});
