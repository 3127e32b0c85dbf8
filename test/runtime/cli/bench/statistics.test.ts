import { describe, expect, test } from 'vitest';
import { arrivalsOf } from '../../../../runtime/cli/bench/arrivals';
import { NO_ANSWER } from '../../../../runtime/cli/bench/record';
import type { Run } from '../../../../runtime/cli/bench/record';
import { requestsFromText } from '../../../../runtime/cli/bench/requests';
import { summaryOf } from '../../../../runtime/cli/bench/summary';
import { keptUp, nextRate, saturationOf } from '../../../../runtime/cli/bench/sweep';
import type { SweepLimits, SweepStep } from '../../../../runtime/cli/bench/sweep';
import { logHistogram, quantile, randomOf, summarize } from '../../../../runtime/cli/report/statistics';

const SEED = 7;

function timesOf(plan: Parameters<typeof arrivalsOf>[0]): number[] {
  const next = arrivalsOf(plan);
  const times: number[] = [];
  for (let at = next(); at !== undefined; at = next()) times.push(at);
  return times;
}

describe('statistics', () => {
  test('take quantiles by nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    expect([0, 0.5, 0.9, 0.99, 0.999, 1].map((share) => quantile(hundred, share))).toEqual([1, 50, 90, 99, 100, 100]);
    expect(quantile([5], 0.5)).toBe(5);
    expect(quantile([], 0.5)).toBeNaN();
    expect(summarize([])).toBeUndefined();
    expect(summarize([3, 1, 2])).toMatchObject({ count: 3, mean: 2, min: 1, p50: 2, max: 3 });
  });

  test('lose no value in a histogram, and stay bounded', () => {
    const random = randomOf(SEED);
    const values = Array.from({ length: 5_000 }, () => 10 ** (random() * 6 - 3));
    const bins = logHistogram(values);
    expect(bins.reduce((sum, { count }) => sum + count, 0)).toBe(5_000);
    expect(bins.length).toBeLessThanOrEqual(64);
    const inBin = values.filter((value) => value >= (bins[20]?.from ?? 0) && value < (bins[20]?.to ?? 0));
    expect(bins[20]?.count).toBe(inBin.length);
  });
});

describe('arrivals', () => {
  const plan = { kind: 'constant', rate: 200, durationMs: 1_000, maxRequests: 1_000, seed: SEED } as const;

  test('come at equal distances, for so long', () => {
    const times = timesOf(plan);
    expect(times).toHaveLength(200);
    expect(times.slice(0, 3)).toEqual([0, 5, 10]);
  });

  test('come at random around the rate, the same for the same seed', () => {
    const poisson = { ...plan, kind: 'poisson', durationMs: 50_000, maxRequests: 100_000 } as const;
    const times = timesOf(poisson);
    expect(times.length).toBeGreaterThan(9_500);
    expect(times.length).toBeLessThan(10_500);
    expect(timesOf(poisson)).toEqual(times);
    expect(timesOf({ ...poisson, seed: SEED + 1 })).not.toEqual(times);
    const gaps = times.map((at, index) => at - (times[index - 1] ?? 0));
    // Of an exponential distribution, the share above the mean is 1/e.
    expect(gaps.filter((gap) => gap > 5).length / gaps.length).toBeCloseTo(Math.exp(-1), 1);
  });

  test('end with the number of requests', () => {
    expect(timesOf({ ...plan, maxRequests: 3 })).toEqual([0, 5, 10]);
  });
});

describe('requests of a file', () => {
  const bodies = (text: string): string[] => requestsFromText(text).map(({ body }) => Buffer.from(body).toString());

  test('are the elements of a list as they stand, whatever is in them', () => {
    const documents = [
      '{"id": 9007199254740993, "of": [1, [2, {"a": [3]}]]}',
      '[4, 5]',
      '"a, \\" ] and \\\\"',
      '-1.50',
      '{}',
      '[]',
    ];
    expect(bodies(` [ ${documents.join(' ,\n')}] \n`)).toEqual(documents);
    expect(bodies('{"id": 9007199254740993}')).toEqual(['{"id": 9007199254740993}']);
    expect(() => bodies(' [ ] ')).toThrow('it holds no request');
    expect(() => bodies('[1,]')).toThrow(SyntaxError);
  });
});

describe('the summary of a run', () => {
  const run: Run = {
    due: [0, 100, 200, 300, 400, 500],
    sent: [0, 100, 260, 300, 400, 500],
    ended: [50, 200, 400, 301, 1400, 501],
    status: [200, 200, 503, 429, NO_ANSWER.timeout, NO_ANSWER.connection],
    capped: 0,
    durationMs: 1_000,
  };

  test('counts from when a request was due, charges for no answer, and not for refusals', () => {
    const { latency, outcomes, failedShare, lag, throughput, goodput, seconds } = summaryOf(run, true, undefined);
    expect(latency).toMatchObject({ count: 3, min: 50, p50: 100, max: 1_000 });
    expect(outcomes).toMatchObject({ '2xx': 2, '429': 1, '5xx': 1, timeout: 1, connection: 1, unsent: 0 });
    expect(failedShare).toBeCloseTo(4 / 6);
    expect(lag).toMatchObject({ late: 1, max: 60 });
    expect({ throughput, goodput, seconds }).toEqual({ throughput: 4, goodput: 2, seconds: 1.35 });
  });

  test('takes the rates of a closed loop over the time until the last answer', () => {
    const { throughput, goodput, seconds } = summaryOf(run, false, undefined);
    expect(seconds).toBe(1.4);
    expect(throughput).toBeCloseTo(4 / 1.4);
    expect(goodput).toBeCloseTo(2 / 1.4);
  });

  test('counts as good what meets the service level', () => {
    expect(summaryOf(run, true, 60).goodput).toBe(1);
  });

  describe('of an open loop', () => {
    const RATE = 50;
    const due = Array.from({ length: 200 }, (_, index) => (1000 * index) / RATE);

    function goodput(latencyOf: (due: number, index: number) => number): number {
      const ended = due.map((at, index) => at + latencyOf(at, index));
      return summaryOf({ ...run, due, sent: due, ended, status: due.map(() => 200), durationMs: 4_000 }, true).goodput;
    }

    test('takes the latency that every answer has for no queue', () => {
      for (const latency of [1, 500, 3_000, 30_000]) expect(goodput(() => latency)).toBe(RATE);
    });

    test('takes latencies that differ for no queue', () => {
      const random = randomOf(SEED);
      expect(goodput(() => 100 + 400 * random())).toBeGreaterThan(0.97 * RATE);
      expect(goodput((_, index) => (index % 10 === 9 ? 600 : 100))).toBeGreaterThan(0.97 * RATE);
    });

    test('sees a queue that grows, and how fast it is served', () => {
      for (const capacity of [25, 40, 46]) {
        const found = goodput((at) => 500 + at * (RATE / capacity - 1));
        expect(found).toBeGreaterThan(0.98 * capacity);
        expect(found).toBeLessThan(1.06 * capacity);
      }
    });
  });
});

describe('the search for saturation', () => {
  /** A server that answers so many requests per second, and lets the others wait. */
  function search(capacity: number, limits: Partial<SweepLimits> = {}): SweepStep[] {
    const all = { startRate: 10, maxRate: 10_000, maxSteps: 14, ...limits };
    const steps: SweepStep[] = [];
    for (let rate = nextRate(steps, all); rate !== undefined; rate = nextRate(steps, all)) {
      const goodput = Math.min(rate, capacity);
      steps.push({ rate, goodput, p99: rate > capacity ? 5_000 : 10 + (50 * rate) / capacity, failedShare: 0 });
    }
    return steps;
  }

  test('finds the capacity of a server to within a tenth, in few steps', () => {
    for (const capacity of [37, 250, 4_000]) {
      const steps = search(capacity);
      const { sustained = 0, peakGoodput } = saturationOf(steps, undefined);
      expect(steps.length).toBeLessThanOrEqual(14);
      expect(sustained).toBeGreaterThan(0.9 * capacity);
      expect(sustained).toBeLessThan(1.1 * capacity);
      expect(peakGoodput).toBeLessThanOrEqual(capacity);
    }
  });

  test('stops where the service level breaks', () => {
    const { sustained = 0 } = saturationOf(search(1_000, { slo: 35 }), 35);
    expect(sustained).toBeGreaterThan(440);
    expect(sustained).toBeLessThan(501);
  });

  test('goes down when the first rate is too much, and is always over in time', () => {
    expect(saturationOf(search(3), undefined).sustained).toBeLessThan(3.3);
    expect(saturationOf(search(0), undefined).sustained).toBeUndefined();
    expect(search(1e9).at(-1)?.rate).toBe(10_000);
    expect(search(1e9, { maxSteps: 2 })).toHaveLength(2);
  });

  test('takes failures for what they are', () => {
    expect(keptUp({ rate: 10, goodput: 10, p99: 1, failedShare: 0.02 }, undefined)).toBe(false);
    expect(keptUp({ rate: 10, goodput: 10, p99: undefined, failedShare: 0 }, 5)).toBe(false);
  });
});
