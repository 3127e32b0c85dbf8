import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '../../../runtime/inference/batching/decide';
import type { BatchPolicy, Lanes, QueuedRequest } from '../../../runtime/inference/batching/decide';

const NOW = 1_000;

const request: fc.Arbitrary<QueuedRequest> = fc.record({
  bucket: fc.constantFrom('a', 'b', undefined),
  rows: fc.integer({ min: 1, max: 5 }),
  since: fc.integer({ min: 900, max: NOW }),
  deadline: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 950, max: 1_100 })),
  priority: fc.constantFrom(1, 8, 9),
  turn: fc.integer({ min: 0, max: 20 }),
  left: fc.boolean(),
});
const queue = fc.array(request, { maxLength: 30 });
const policy: fc.Arbitrary<BatchPolicy> = fc.record({
  maxRows: fc.integer({ min: 1, max: 16 }),
  maxDelay: fc.constantFrom(0, 5, 200),
  preferred: fc.constantFrom([], [4], [4, 8]),
  runMs: fc.integer({ min: 0, max: 20 }),
});
const lanes: fc.Arbitrary<Lanes> = fc
  .integer({ min: 1, max: 4 })
  .chain((all) => fc.record({ all: fc.constant(all), free: fc.integer({ min: 0, max: all }) }));

type Case = [readonly QueuedRequest[], BatchPolicy, Lanes];

const always = (rule: (...[queue, policy, lanes]: Case) => void): void =>
  fc.assert(fc.property(queue, policy, lanes, rule), { numRuns: 2_000 });

const isLive = ({ left, deadline }: QueuedRequest): boolean => !left && deadline > NOW;

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

  it('serves by priority, then by turn, then the oldest', () => {
    always((items, rules, workers) => {
      const { send } = decide(NOW, items, rules, workers);
      const [head] = send;
      if (head === undefined) return;
      const rank = (place: number): number =>
        (items[place]?.priority ?? 0) * 10_000 + (items[place]?.turn ?? 0) * 100 + place;
      const all = items.flatMap((item, place) => (isLive(item) ? [place] : [])).sort((a, b) => rank(a) - rank(b));
      expect(head).toBe(all[0]);
      const line = all.filter((place) => items[place]?.bucket === items[head]?.bucket);
      if (items[head]?.bucket !== undefined) expect(send).toEqual(line.slice(0, send.length));
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
      fc.pre(workers.free > 0);
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
      const [head] = items
        .filter(isLive)
        .sort((a, b) => a.priority - b.priority || a.turn - b.turn || items.indexOf(a) - items.indexOf(b));
      expect(NOW + wait).toBeLessThanOrEqual((head?.since ?? 0) + rules.maxDelay);
      expect(NOW + wait).toBeLessThanOrEqual((head?.deadline ?? 0) - rules.runMs);
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

const waiting = (count: number, since = NOW): QueuedRequest[] =>
  Array.from({ length: count }, () => ({
    ...{ bucket: 'a', rows: 1, since, deadline: Number.POSITIVE_INFINITY, priority: 8, turn: 0, left: false },
  }));

describe('the size of a batch', () => {
  const rules: BatchPolicy = { maxRows: 16, maxDelay: 0, preferred: [], runMs: 0 };

  it('is the fair share of a worker, so that one does not take everything while another idles', () => {
    expect(decide(NOW, waiting(8), rules, { free: 2, all: 2 }).send).toHaveLength(4);
    expect(decide(NOW, waiting(9), rules, { free: 1, all: 2 }).send).toHaveLength(5);
    expect(decide(NOW, waiting(40), rules, { free: 1, all: 2 }).send).toHaveLength(16);
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
