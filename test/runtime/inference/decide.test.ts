import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, LAST_PRIORITY, PRIORITY_STEP_MS } from '../../../runtime/inference/batching/decide';
import type { BatchPolicy, QueuedRequest, Workers } from '../../../runtime/inference/batching/decide';

const NOW = 100_000;

const callers = fc.array(fc.record({ start: fc.integer({ min: 0, max: 20 }) }), { minLength: 1, maxLength: 4 });

/** Which requests a request may share a run with, or that it runs beside none. */
const company = fc.oneof(
  { weight: 5, arbitrary: fc.record({ bucket: fc.constantFrom('a', 'b', undefined), alone: fc.constant(false) }) },
  { weight: 1, arbitrary: fc.constant({ bucket: undefined, alone: true }) },
);

const anyone = (all: readonly QueuedRequest['caller'][]): fc.Arbitrary<Omit<QueuedRequest, 'bucket' | 'alone'>> =>
  fc.record({
    rows: fc.integer({ min: 1, max: 5 }),
    bytes: fc.integer({ min: 0, max: 40 }),
    since: fc.integer({ min: NOW - 20_000, max: NOW }),
    deadline: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: NOW - 50, max: NOW + 100 })),
    priority: fc.constantFrom(1, 2, 8, 9, 16, 1_000_000),
    caller: fc.constantFrom(...all),
    left: fc.boolean(),
  });
const request = (all: readonly QueuedRequest['caller'][]): fc.Arbitrary<QueuedRequest> =>
  fc.tuple(anyone(all), company).map(([rest, shares]) => ({ ...rest, ...shares }));
const queue = callers.chain((all) => fc.array(request(all), { maxLength: 30 }));
const policy: fc.Arbitrary<BatchPolicy> = fc.record({
  maxRows: fc.integer({ min: 1, max: 16 }),
  maxBytes: fc.constantFrom(1, 60, 1_000),
  maxDelay: fc.constantFrom(0, 5, 200),
  preferred: fc.constantFrom([], [4], [4, 8]),
  runMs: fc.integer({ min: 0, max: 20 }),
});
const workers: fc.Arbitrary<Workers> = fc
  .integer({ min: 1, max: 4 })
  .chain((all) => fc.record({ all: fc.constant(all), free: fc.integer({ min: 0, max: all }) }));

type Case = [readonly QueuedRequest[], BatchPolicy, Workers];

const always = (rule: (...[queue, policy, workers]: Case) => void): void =>
  fc.assert(fc.property(queue, policy, workers, rule), { numRuns: 2_000 });

const isLive = ({ left, deadline }: QueuedRequest): boolean => !left && deadline > NOW;

/** Live places as they are served: written down apart from the code, one request after another. */
function order(items: readonly QueuedRequest[]): readonly number[] {
  const left = new Set(items.flatMap((item, place) => (isLive(item) ? [place] : [])));
  const starts = new Map(items.map(({ caller }) => [caller, caller.start]));
  const urgency = (place: number): number => {
    const { since = 0, priority = 0 } = items[place] ?? {};
    return since + Math.min(priority, LAST_PRIORITY) * PRIORITY_STEP_MS;
  };
  const start = (place: number): number => starts.get(items[place]?.caller ?? { start: 0 }) ?? 0;
  const served: number[] = [];
  while (left.size > 0) {
    const nextOf = (place: number): boolean =>
      [...left].every(
        (other) =>
          items[other]?.caller !== items[place]?.caller ||
          urgency(place) < urgency(other) ||
          (urgency(place) === urgency(other) && place <= other),
      );
    const [next = -1] = [...left].filter(nextOf).sort((a, b) => start(a) - start(b) || a - b);
    left.delete(next);
    served.push(next);
    const { caller, rows = 1 } = items[next] ?? {};
    if (caller) starts.set(caller, (starts.get(caller) ?? 0) + rows);
  }
  return served;
}

describe('the decision on a queue', () => {
  it('drops exactly the requests whose client left or whose deadline passed', () => {
    always((items, rules, workers) => {
      const { drop, send } = decide(NOW, items, rules, workers);
      expect(drop.map((place) => items[place])).toEqual(items.filter((item) => !isLive(item)));
      expect(send.filter((place) => drop.includes(place))).toEqual([]);
    });
  });

  it('never makes a batch larger than allowed, unless a single request is', () => {
    always((items, rules, workers) => {
      const { send } = decide(NOW, items, rules, workers);
      const rows = send.reduce((sum, place) => sum + (items[place]?.rows ?? 0), 0);
      expect(send.length < 2 || rows <= rules.maxRows).toBe(true);
      const bytes = send.reduce((sum, place) => sum + (items[place]?.bytes ?? 0), 0);
      expect(send.length < 2 || bytes <= rules.maxBytes).toBe(true);
    });
  });

  it('puts only requests of one bucket together, and those without one alone', () => {
    always((items, rules, workers) => {
      const { send } = decide(NOW, items, rules, workers);
      const buckets = new Set(send.map((place) => items[place]?.bucket));
      expect(buckets.size).toBeLessThanOrEqual(1);
      expect(buckets.has(undefined) && send.length > 1).toBe(false);
    });
  });

  it('serves callers in turn, each by urgency, then the oldest', () => {
    always((items, rules, workers) => {
      const { send } = decide(NOW, items, rules, workers);
      const [head] = send;
      if (head === undefined) return;
      const all = order(items);
      expect(head).toBe(all[0]);
      const line = all.filter((place) => items[place]?.bucket === items[head]?.bucket);
      if (items[head]?.bucket !== undefined) expect(send).toEqual(line.slice(0, send.length));
    });
  });

  it('begins with the same caller whatever callers say of urgency', () => {
    always((items, rules, workers) => {
      const calm = items.map((item) => ({ ...item, priority: 8 }));
      const starts = [items, calm].map((each) => each[decide(NOW, each, rules, workers).send[0] ?? -1]?.caller.start);
      // What waits for a batch to grow, or to be alone, depends on the head; otherwise there is always one.
      if (rules.maxDelay === 0 && items.every(({ alone }) => !alone)) expect(starts[0]).toBe(starts[1]);
    });
  });

  it('lets no request wait for one of its caller that came more than 15 s after it, whatever both say', () => {
    always((items, rules, workers) => {
      const live = items.filter(isLive);
      const { send } = decide(NOW, items, { ...rules, maxDelay: 0 }, workers);
      const head = items[send[0] ?? -1];
      const most = (LAST_PRIORITY - 1) * PRIORITY_STEP_MS;
      const passed = live.filter(({ caller, since }) => caller === head?.caller && since + most < head.since);
      expect(passed).toEqual([]);
    });
  });

  it('never waits while every worker is free', () => {
    always((items, rules, workers) => {
      const { send, wait } = decide(NOW, items, rules, { ...workers, free: workers.all });
      expect(wait).toBeUndefined();
      expect(send.length > 0).toBe(items.some(isLive));
    });
  });

  it('never waits at all when no delay is allowed and a worker is free', () => {
    always((items, rules, workers) => {
      fc.pre(workers.free > 0 && items.every(({ alone }) => !alone));
      const { send, wait } = decide(NOW, items, { ...rules, maxDelay: 0 }, workers);
      expect([wait, send.length > 0]).toEqual([undefined, items.some(isLive)]);
    });
  });

  it('never waits past the delay of the oldest request, nor past a deadline less the time of a run', () => {
    always((items, rules, workers) => {
      const { wait } = decide(NOW, items, rules, workers);
      if (wait === undefined) return;
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThanOrEqual(rules.maxDelay);
      const head = items[order(items)[0] ?? -1];
      expect(NOW + wait).toBeLessThanOrEqual((head?.since ?? 0) + rules.maxDelay);
      expect(NOW + wait).toBeLessThanOrEqual((head?.deadline ?? 0) - rules.runMs);
    });
  });

  it('sends one that runs alone by itself, once every worker is free, and lets nothing pass it', () => {
    always((items, rules, workers) => {
      const { send, wait } = decide(NOW, items, rules, workers);
      const [first = -1] = order(items);
      if (!items[first]?.alone) expect(send.some((place) => items[place]?.alone)).toBe(false);
      else expect([send, wait]).toEqual([workers.free === workers.all ? [first] : [], undefined]);
    });
  });

  it('sends nothing while no worker is free', () => {
    always((items, rules, workers) => {
      expect(decide(NOW, items, rules, { ...workers, free: 0 }).send).toEqual([]);
    });
  });

  it('gives the same answer to the same question', () => {
    always((...question) => {
      expect(decide(NOW, ...question)).toEqual(decide(NOW, ...question));
    });
  });
});

const CALLER = { start: 0 };

const waiting = (count: number, since = NOW): QueuedRequest[] =>
  Array.from({ length: count }, () => ({
    ...{
      bucket: 'a',
      rows: 1,
      bytes: 10,
      since,
      deadline: Number.POSITIVE_INFINITY,
      priority: 8,
      caller: CALLER,
      left: false,
    },
    alone: false,
  }));

describe('the size of a batch', () => {
  const rules: BatchPolicy = { maxRows: 16, maxBytes: 1_000, maxDelay: 0, preferred: [], runMs: 0 };

  it('is the fair share of a worker, so that one does not take everything while another idles', () => {
    expect(decide(NOW, waiting(8), rules, { free: 2, all: 2 }).send).toHaveLength(4);
    expect(decide(NOW, waiting(9), rules, { free: 1, all: 2 }).send).toHaveLength(5);
    expect(decide(NOW, waiting(40), rules, { free: 1, all: 2 }).send).toHaveLength(16);
  });

  it('stays within the bytes of a batch, and does not wait for what would not fit', () => {
    const small = { ...rules, maxBytes: 45, maxDelay: 10 };
    expect(decide(NOW, waiting(8), small, { free: 1, all: 1 }).send).toHaveLength(4);
    expect(decide(NOW, waiting(4), small, { free: 1, all: 2 })).toMatchObject({ send: [], wait: 10 });
    expect(decide(NOW, waiting(5), small, { free: 1, all: 2 }).send).toHaveLength(4);
    expect(decide(NOW, waiting(5), { ...small, maxBytes: 1 }, { free: 1, all: 2 }).send).toHaveLength(1);
  });

  it('waits for a preferred size while the model is busy, and then takes the largest that can be filled', () => {
    const preferring = { ...rules, maxDelay: 10, preferred: [4, 8] };
    const busy = { free: 1, all: 2 };
    expect(decide(NOW, waiting(5), preferring, busy)).toMatchObject({ send: [], wait: 10 });
    expect(decide(NOW, waiting(9), preferring, busy).send).toHaveLength(8);
    expect(decide(NOW, waiting(5, NOW - 10), preferring, busy).send).toHaveLength(4);
    expect(decide(NOW, waiting(3, NOW - 10), preferring, busy).send).toHaveLength(3);
  });
});
