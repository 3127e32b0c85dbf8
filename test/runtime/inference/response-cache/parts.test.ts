import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { deadlinePassed, queueFull } from '../../../../runtime/inference/errors';
import { Breaker } from '../../../../runtime/shared/breaker';
import { Canceller } from '../../../../runtime/shared/cancellation';
import { decodeEntry, encodeEntry, sizeOf } from '../../../../runtime/inference/response-cache/entry';
import { Flights } from '../../../../runtime/inference/response-cache/flights';
import { keyOf } from '../../../../runtime/inference/response-cache/key';
import type { KeyParts } from '../../../../runtime/inference/response-cache/key';
import { usageOf } from '../../../../runtime/inference/response-cache/layer';
import { MemoryLevel } from '../../../../runtime/inference/response-cache/memory';
import type { Tensor } from '../../../../runtime/inference/tensors/tensor';

const SEED = 20_261_129;

const tensors = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom('a', 'b', 'ab', 'A', '"', ','),
    datatype: fc.constantFrom('UINT8', 'INT8', 'BOOL', 'BYTES'),
    shape: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
    data: fc.uint8Array({ maxLength: 4 }),
  }),
  { selector: ({ name }) => name, maxLength: 3 },
) as fc.Arbitrary<Tensor[]>;

const parts: fc.Arbitrary<KeyParts> = fc.record({
  model: fc.constantFrom('m', 'n'),
  version: fc.constantFrom('1', '11'),
  digest: fc.constantFrom('d', 'e'),
  tenant: fc.constantFrom(undefined, 'api-key a', 'jwt a'),
  request: fc.record({ inputs: tensors, outputs: fc.constantFrom(undefined, ['y'], ['y', 'z'], ['z', 'y']) }),
});

/** Everything that an answer depends on, written in another way than the key. */
function meaning({ model, version, digest, tenant, request: { inputs, outputs } }: KeyParts): string {
  const rows = inputs.map(({ name, datatype, shape, data }) =>
    JSON.stringify({ name, datatype, shape, data: [...data] }),
  );
  return JSON.stringify({ model, version, digest, tenant, outputs, rows: rows.sort() });
}

describe('the key of an answer', () => {
  it('is the same exactly where everything that the answer depends on is', () => {
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(parts, (given) => {
        const key = keyOf(given);
        expect(key).toMatch(/^[0-9a-f]{64}$/);
        expect(seen.get(key) ?? meaning(given)).toBe(meaning(given));
        seen.set(key, meaning(given));
        const turned = { ...given, request: { ...given.request, inputs: [...given.request.inputs].reverse() } };
        expect(keyOf(turned)).toBe(key);
      }),
      { seed: SEED, numRuns: 10_000 },
    );
    expect(new Set(seen.values()).size).toBe(seen.size);
  });

  it('does not take bytes of one tensor for those of the next', () => {
    const of = (a: number[], b: number[]): string => {
      const tensor = (name: string, data: number[]): Tensor => ({
        ...{ name, datatype: 'UINT8', shape: [data.length], data: Uint8Array.from(data) },
      });
      const request = { inputs: [tensor('a', a), tensor('b', b)], outputs: undefined };
      return keyOf({ model: 'm', version: '1', digest: 'd', tenant: undefined, request });
    };
    expect(of([1, 2], [3])).not.toBe(of([1], [2, 3]));
  });
});

describe('an entry of the second level', () => {
  const key = 'k'.repeat(64);

  it('is read as it was written, and by its own key alone', () => {
    fc.assert(
      fc.property(tensors, (outputs) => {
        const entry = encodeEntry(key, outputs);
        expect(decodeEntry(key, entry)).toEqual(outputs);
        expect(decodeEntry('l'.repeat(64), entry)).toBeUndefined();
      }),
      { seed: SEED },
    );
  });

  it('is refused when a byte of it is another, or missing', () => {
    const outputs: Tensor[] = [{ name: 'y', datatype: 'FP32', shape: [2], data: new Uint8Array(8).fill(7) }];
    const entry = encodeEntry(key, outputs);
    for (let index = 0; index < entry.length; index += 1) {
      const changed = Buffer.from(entry);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(decodeEntry(key, changed)).toBeUndefined();
      expect(decodeEntry(key, entry.subarray(0, index))).toBeUndefined();
    }
  });
});

describe('the cache in memory', () => {
  const outputs = (bytes: number): Tensor[] => [
    { name: 'y', datatype: 'UINT8', shape: [bytes], data: new Uint8Array(bytes) },
  ];

  it('holds its budget of bytes, whatever it is given', () => {
    const evicted = vi.fn();
    const memory = new MemoryLevel(100_000, evicted, () => 0);
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 0, max: 20_000 }), (key, bytes) => {
        memory.set(key, outputs(bytes), 60);
        expect(memory.bytes).toBeLessThanOrEqual(100_000);
        const got = memory.get(key);
        expect(got?.[0]?.data.byteLength ?? bytes).toBe(bytes);
      }),
      { seed: SEED, numRuns: 1_000 },
    );
    expect(evicted).toHaveBeenCalled();
    expect(memory.count).toBeGreaterThan(4);
  });

  it('keeps no answer that would take more than an eighth of it, and copies none', () => {
    const memory = new MemoryLevel(
      8_000,
      () => undefined,
      () => 0,
    );
    memory.set('large', outputs(1_000), 60);
    memory.set('small', outputs(100), 60);
    expect([memory.get('large'), memory.get('small')?.length]).toEqual([undefined, 1]);
    const bytes = 2 ** 26;
    const larger = outputs(bytes);
    const before = process.memoryUsage().arrayBuffers;
    memory.set('larger', larger, 60);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(bytes);
    expect(memory.get('larger')).toBeUndefined();
  });

  it('keeps a copy, and forgets it when its time is over', () => {
    let now = 1;
    const memory = new MemoryLevel(
      100_000,
      () => undefined,
      () => now,
    );
    const given = outputs(4);
    memory.set('k', given, 2);
    given[0]?.data.fill(9);
    expect(memory.get('k')?.[0]?.data).toEqual(new Uint8Array(4));
    now = 2_000;
    expect(memory.get('k')).toBeDefined();
    now = 2_002;
    expect(memory.get('k')).toBeUndefined();
    expect(memory.bytes).toBe(0);
    expect(sizeOf([])).toBeGreaterThan(0);
  });
});

describe('a breaker', () => {
  function made(): { breaker: Breaker; clock: { now: number }; opened: ReturnType<typeof vi.fn> } {
    const clock = { now: 0 };
    const opened = vi.fn();
    const settings = { failures: 3, pauseMs: 100, mostPauseMs: 300 };
    return { breaker: new Breaker(settings, () => clock.now, opened), clock, opened };
  }
  const fail = (breaker: Breaker): void => breaker.enter()?.failed();

  it('opens after failures in a row, and a success begins the row anew', () => {
    const { breaker, opened } = made();
    [fail, fail].forEach((each) => each(breaker));
    breaker.enter()?.succeeded();
    [fail, fail].forEach((each) => each(breaker));
    expect(breaker.state).toBe('closed');
    fail(breaker);
    expect([breaker.state, opened.mock.calls.length, breaker.enter()]).toEqual(['open', 1, undefined]);
  });

  it('lets one try through after a pause, which is longer after each that fails', () => {
    const { breaker, clock } = made();
    [fail, fail, fail].forEach((each) => each(breaker));
    for (const pause of [100, 200, 300, 300]) {
      clock.now += pause - 1;
      expect(breaker.enter()).toBeUndefined();
      clock.now += 1;
      const attempt = breaker.enter();
      expect([breaker.state, breaker.enter()]).toEqual(['half-open', undefined]);
      attempt?.failed();
      expect(breaker.state).toBe('open');
    }
    clock.now += 300;
    breaker.enter()?.succeeded();
    expect(breaker.state).toBe('closed');
  });

  it('does not listen to what began before it opened', () => {
    const { breaker, clock } = made();
    const [early, late] = [breaker.enter(), breaker.enter()];
    [fail, fail, fail].forEach((each) => each(breaker));
    early?.succeeded();
    expect(breaker.state).toBe('open');
    clock.now = 100;
    breaker.enter()?.succeeded();
    late?.failed();
    [fail, fail].forEach((each) => each(breaker));
    expect(breaker.state).toBe('closed');
  });
});

describe('one flight for all who ask for the same', () => {
  const signal = new Canceller();

  it('does the work once, and again for the next who come', async () => {
    const flights = new Flights<number>(() => performance.now());
    const work = vi.fn(() => delay(10, work.mock.calls.length));
    const all = await Promise.all(Array.from({ length: 50 }, () => flights.board('k', { signal }, work)));
    expect(work).toHaveBeenCalledTimes(1);
    expect(all.filter(({ joined }) => joined)).toHaveLength(49);
    expect(await flights.board('k', { signal }, work)).toEqual({ value: 2, joined: false });
  });

  it('goes on without the one who asked first, and ends when nobody is left', async () => {
    const flights = new Flights<string>(() => performance.now());
    const [first, second, third] = [new AbortController(), new AbortController(), new AbortController()];
    let ended: AbortSignal | undefined;
    const work = (ending: AbortSignal): Promise<string> => {
      ended = ending;
      return delay(30, 'answer', { signal: ending });
    };
    const a = flights.board('k', { signal: first.signal }, work);
    const b = flights.board('k', { signal: second.signal }, work);
    first.abort();
    await expect(a).rejects.toMatchObject({ code: 'LNMT8207' });
    expect(ended?.aborted).toBe(false);
    expect(await b).toEqual({ value: 'answer', joined: true });
    const c = flights.board('k', { signal: third.signal }, work);
    third.abort();
    await expect(c).rejects.toMatchObject({ code: 'LNMT8207' });
    expect(ended?.aborted).toBe(true);
    expect(await flights.board('k', { signal }, work)).toEqual({ value: 'answer', joined: false });
  });

  it('gives its failure to all, and keeps it for nobody', async () => {
    const flights = new Flights<string>(() => performance.now());
    const failing = vi.fn(async () => {
      await delay(5);
      throw queueFull(1);
    });
    const both = [flights.board('k', { signal }, failing), flights.board('k', { signal }, failing)];
    for (const each of await Promise.allSettled(both)) expect(each.status).toBe('rejected');
    expect(failing).toHaveBeenCalledTimes(1);
    expect(await flights.board('k', { signal }, async () => 'well')).toEqual({ value: 'well', joined: false });
  });

  it('does not let the deadline of one be that of another', async () => {
    const flights = new Flights<string>(() => performance.now());
    let runs = 0;
    const work = async (): Promise<string> => {
      runs += 1;
      await delay(20);
      if (runs === 1) throw deadlinePassed();
      return 'well';
    };
    const hurried = flights.board('k', { signal, deadline: performance.now() + 10 }, work);
    const patient = flights.board('k', { signal }, work);
    const impatient = flights.board('k', { signal, deadline: performance.now() + 1 }, work);
    const ends = await Promise.allSettled([hurried, impatient, patient]);
    const late = { status: 'rejected', reason: { code: 'LNMT8220' } };
    expect(ends).toMatchObject([late, late, { status: 'fulfilled', value: { value: 'well' } }]);
    expect(runs).toBe(2);
  });

  it('boards one once whose deadline is farther away than a timer can be set', async () => {
    const now = vi.fn(() => performance.now());
    const flights = new Flights<string>(now);
    const work = (): Promise<string> => delay(30, 'well');
    const first = flights.board('k', { signal }, work);
    const far = flights.board('k', { signal, deadline: performance.now() + 2 ** 40 }, work);
    expect([await first, await far].map(({ value }) => value)).toEqual(['well', 'well']);
    expect(now.mock.calls.length).toBeLessThan(5);
  });
});

describe('what a request wants of the cache', () => {
  const request = { id: undefined, inputs: [], outputs: undefined };

  it.each([
    [undefined, undefined, true, true],
    [false, undefined, false, false],
    [true, undefined, true, true],
    [undefined, 'no-store', false, false],
    [undefined, 'No-Cache', false, true],
    [undefined, 'max-age=0, no-cache,no-store', false, false],
    [undefined, 'max-age=60', true, true],
    [false, 'no-cache', false, false],
  ])('is told by its parameter (%s) and its header (%s)', (cache, header, read, write) => {
    expect(usageOf({ request: { ...request, cache }, attribute: () => header })).toEqual({ read, write });
  });
});
