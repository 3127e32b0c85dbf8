import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { Batcher } from '../../../runtime/inference/batching/batcher';
import type { BatchSettings } from '../../../runtime/inference/batching/batcher';
import { bucketOf, mayBatch, mergeInputs, splitOutputs } from '../../../runtime/inference/batching/tensors';
import { modelOutOfMemory, modelProcessLost, modelRefused } from '../../../runtime/inference/errors';
import { runTimedOut, tensorsTooLarge } from '../../../runtime/inference/errors';
import { packElements } from '../../../runtime/inference/tensors/elements';
import { DATATYPE_BYTES } from '../../../runtime/inference/tensors/tensor';
import type { Datatype, Tensor } from '../../../runtime/inference/tensors/tensor';
import { Canceller } from '../../../runtime/shared/cancellation';
import type { Cancellation } from '../../../runtime/shared/cancellation';
import { FakeBackend } from '../support/fake-backend';

const forever = new Canceller();

function row(value: number, rows = 1, width = 2): Tensor {
  const values = Array.from({ length: rows * width }, () => value);
  return { name: 'x', datatype: 'FP32', shape: [rows, width], data: packElements('FP32', values) };
}

const valueOf = ([tensor]: readonly Tensor[]): number => Buffer.from(tensor?.data ?? new Uint8Array(4)).readFloatLE();

interface Bench {
  readonly backend: FakeBackend;
  readonly batcher: Batcher;
  readonly told: string[];
  readonly batches: number[];
}

async function bench(
  settings: Partial<BatchSettings> = {},
  takes = { workers: 1, maxRows: 8 },
  now = () => performance.now(),
): Promise<Bench> {
  const backend = new FakeBackend();
  backend.takes = takes;
  const told: string[] = [];
  const batches: number[] = [];
  const run = backend.run.bind(backend);
  backend.run = async (inputs, outputs) => {
    batches.push(inputs[0]?.shape[0] ?? 0);
    return run(inputs, outputs);
  };
  const observer = {
    waited: () => undefined,
    ran: (_seconds: number, requests: number) => void told.push(`ran ${requests}`),
    dropped: (reason: string) => void told.push(reason),
    executed: () => undefined,
  };
  const all = { maxRows: 0, maxDelay: 0, preferred: [], maxQueue: 100, ...settings };
  const batcher = new Batcher(backend, observer, now, all);
  batcher.configure(await backend.load('model.onnx'));
  return { backend, batcher, told, batches };
}

/** Holds the runs of a backend back until it is called. */
function hold(backend: FakeBackend): () => void {
  let open: () => void = () => undefined;
  backend.gate = new Promise((resolve) => (open = resolve));
  return open;
}

const [SLOW, POISON] = [7, -1];

interface Fragile {
  losses: number;
  /** Told of each loss. */
  lost: () => void;
  /** How many runs went on, with each one that began. */
  readonly began: number[];
}

/** Makes a backend lose every run that goes on when it is given the poison. */
function fragile(backend: FakeBackend): Fragile {
  const host: Fragile = { losses: 0, lost: () => undefined, began: [] };
  const going = new Set<() => void>();
  backend.run = (inputs, outputs) =>
    new Promise((resolve, reject) => {
      const lose = (): void => reject(modelProcessLost());
      going.add(lose);
      host.began.push(going.size);
      const value = valueOf(inputs);
      setTimeout(
        () => {
          if (value === POISON && going.has(lose)) {
            host.losses += 1;
            for (const each of going) each();
            going.clear();
            host.lost();
          }
          going.delete(lose);
          resolve(outputs.map((name) => ({ ...inputs[0], name }) as Tensor));
        },
        value === SLOW ? 60 : 20,
      );
    });
  return host;
}

describe('the batcher', () => {
  it('runs what arrives together as one batch, and gives each request its own rows', async () => {
    const { batcher, batches, told } = await bench();
    const answers = await Promise.all(
      [1, 2, 3].map((value) => batcher.submit([row(value)], ['y'], { signal: forever })),
    );
    expect(batches).toEqual([3]);
    expect(told).toContain('ran 3');
    expect(answers.map(valueOf)).toEqual([1, 2, 3]);
    for (const [tensor] of answers) expect(tensor).toMatchObject({ name: 'y', shape: [1, 2] });
  });

  it('lets callers take turns: one request does not wait for all of a caller who sent many', async () => {
    const { backend, batcher } = await bench({}, { workers: 1, maxRows: 1 });
    const open = hold(backend);
    const order: string[] = [];
    const ask = (caller: string): Promise<unknown> =>
      batcher.submit([row(0)], ['y'], { signal: forever, caller }).then(() => order.push(caller));
    const all = [...Array<string>(5).fill('noisy'), 'quiet'].map(ask);
    await expect.poll(() => batcher.waiting).toBe(5);
    open();
    await Promise.all(all);
    expect(order.indexOf('quiet')).toBeLessThanOrEqual(2);
  });

  it('lets nobody jump the queue: 64 requests that one caller calls urgent stand before none of another', async () => {
    const { backend, batcher } = await bench({}, { workers: 1, maxRows: 1 });
    const open = hold(backend);
    const order: string[] = [];
    const ask = (caller: string, priority?: number): Promise<unknown> =>
      batcher.submit([row(0)], ['y'], { signal: forever, caller, priority }).then(() => order.push(caller));
    const all = [...Array.from({ length: 64 }, () => ask('urgent', 1)), ask('calm')];
    await expect.poll(() => batcher.waiting).toBe(64);
    open();
    await Promise.all(all);
    expect(order.indexOf('calm')).toBeLessThanOrEqual(2);
  });

  it.each([
    ['left', (client: Canceller) => ({ signal: client })],
    ['were too late', () => ({ signal: forever, deadline: performance.now() + 40 })],
  ])('gives a caller its turn back for requests whose clients %s', async (_title, how) => {
    const { backend, batcher } = await bench({}, { workers: 1, maxRows: 1 });
    const open = hold(backend);
    const order: string[] = [];
    const ask = (caller: string): Promise<unknown> =>
      batcher.submit([row(0)], ['y'], { signal: forever, caller }).then(() => order.push(caller));
    const all = Array.from({ length: 6 }, () => ask('noisy'));
    await expect.poll(() => batcher.waiting).toBe(5);
    const client = new Canceller();
    const given = Array.from({ length: 20 }, () =>
      batcher.submit([row(0)], ['y'], { ...how(client), caller: 'impatient' }).catch(() => undefined),
    );
    await delay(5);
    client.abort();
    await Promise.all(given);
    all.push(ask('impatient'));
    open();
    await Promise.all(all);
    expect(order.indexOf('impatient')).toBeLessThanOrEqual(2);
  });

  it('takes a priority of 0 for none', async () => {
    const { backend, batcher } = await bench({ maxRows: 1 });
    const open = hold(backend);
    const order: number[] = [];
    const submit = (value: number, priority?: number) =>
      batcher.submit([row(value)], ['y'], { signal: forever, priority }).then(() => order.push(value));
    const first = submit(0);
    await expect.poll(() => backend.runs).toBe(1);
    const rest = [submit(1, 0), submit(2, 7), submit(3)];
    open();
    await Promise.all([first, ...rest]);
    expect(order).toEqual([0, 2, 1, 3]);
  });

  it('runs a lone request at once, and what waits meanwhile as the next batch', async () => {
    const { backend, batcher, batches } = await bench();
    const open = hold(backend);
    const first = batcher.submit([row(0)], ['y'], { signal: forever });
    await expect.poll(() => batches).toEqual([1]);
    const others = [1, 2, 3, 4].map((value) => batcher.submit([row(value)], ['y'], { signal: forever }));
    open();
    expect(valueOf(await first)).toBe(0);
    expect((await Promise.all(others)).map(valueOf)).toEqual([1, 2, 3, 4]);
    expect(batches).toEqual([1, 4]);
  });

  it('splits the line between the workers of the model', async () => {
    const { batcher, batches } = await bench({}, { workers: 2, maxRows: 8 });
    await Promise.all([1, 2, 3, 4].map((value) => batcher.submit([row(value)], ['y'], { signal: forever })));
    expect(batches).toEqual([2, 1, 1]);
  });

  it.each([
    ['by setting', { maxRows: 1 }, { workers: 1, maxRows: 8 }],
    ['by what was measured', {}, { workers: 1, maxRows: 1 }],
  ])('runs requests one by one where batching is off %s', async (_title, settings, takes) => {
    const { batcher, batches } = await bench(settings, takes);
    await Promise.all([1, 2, 3].map((value) => batcher.submit([row(value)], ['y'], { signal: forever })));
    expect(batches).toEqual([1, 1, 1]);
  });

  it('never puts shapes together that differ in more than their rows', async () => {
    const { batcher, batches } = await bench();
    const shapes = [row(1), row(2, 1, 3), row(3, 2), row(4, 1, 3)];
    const answers = await Promise.all(shapes.map((input) => batcher.submit([input], ['y'], { signal: forever })));
    expect(answers.map(valueOf)).toEqual([1, 2, 3, 4]);
    expect(batches).toEqual([3, 2]);
  });

  it('puts no more together than 256 MiB', async () => {
    const { batcher, batches } = await bench();
    const wide = (count: number): Tensor => {
      return { name: 'x', datatype: 'UINT8', shape: [1, count], data: new Uint8Array(count) };
    };
    const ask = (count: number) => batcher.submit([wide(count)], ['y'], { signal: forever });
    await Promise.all([ask(150 * 2 ** 20), ask(150 * 2 ** 20)]);
    await Promise.all([ask(8), ask(8)]);
    expect(batches).toEqual([1, 1, 2]);
  });

  it('never runs what nobody waits for, and says so at once', async () => {
    const { backend, batcher, batches, told } = await bench();
    const open = hold(backend);
    const first = batcher.submit([row(0)], ['y'], { signal: forever });
    await expect.poll(() => batches).toEqual([1]);
    const client = new AbortController();
    const second = batcher.submit([row(1)], ['y'], { signal: client.signal });
    client.abort();
    await expect(second).rejects.toMatchObject({ code: 'LNMT8207' });
    expect([batcher.waiting, ...told.slice(-1)]).toEqual([0, 'left']);
    open();
    await first;
    await expect(batcher.submit([row(2)], ['y'], { signal: client.signal })).rejects.toMatchObject({ status: 499 });
    expect(batches).toEqual([1]);
  });

  it('answers 504 to what waited past its deadline, even while the model is busy, and never runs it', async () => {
    const { backend, batcher, batches, told } = await bench();
    const open = hold(backend);
    const first = batcher.submit([row(0)], ['y'], { signal: forever });
    const deadline = performance.now() + 30;
    await expect.poll(() => batches).toEqual([1]);
    const late = batcher.submit([row(1)], ['y'], { signal: forever, deadline });
    await expect(late).rejects.toMatchObject({ status: 504, code: 'LNMT8220' });
    expect(told).toContain('expired');
    open();
    await first;
    expect(batches).toEqual([1]);
  });

  it('sleeps while the model is busy and a deadline is farther away than a timer can be set', async () => {
    const { backend, batcher, batches } = await bench();
    const open = hold(backend);
    const first = batcher.submit([row(0)], ['y'], { signal: forever });
    await expect.poll(() => batches).toEqual([1]);
    const looks = vi.spyOn(backend, 'healthy');
    const far = batcher.submit([row(1)], ['y'], { signal: forever, deadline: performance.now() + 2 ** 40 });
    await delay(50);
    expect(looks.mock.calls.length).toBeLessThan(5);
    open();
    expect((await Promise.all([first, far])).map(valueOf)).toEqual([0, 1]);
  });

  it('serves the urgent first', async () => {
    const { backend, batcher } = await bench({ maxRows: 1 });
    const open = hold(backend);
    const order: number[] = [];
    const submit = (value: number, priority?: number) =>
      batcher.submit([row(value)], ['y'], { signal: forever, priority }).then(() => order.push(value));
    const first = submit(0);
    await expect.poll(() => backend.runs).toBe(1);
    const rest = [submit(1, 9), submit(2), submit(3, 1)];
    open();
    await Promise.all([first, ...rest]);
    expect(order).toEqual([0, 3, 2, 1]);
  });

  it('refuses with 503 and Retry-After what the queue does not hold', async () => {
    const { backend, batcher } = await bench({ maxQueue: 2 });
    const open = hold(backend);
    const held = [1, 2].map((value) => batcher.submit([row(value)], ['y'], { signal: forever }));
    const refused = batcher.submit([row(3)], ['y'], { signal: forever });
    await expect(refused).rejects.toMatchObject({ status: 503, code: 'LNMT8221', retryAfter: 1 });
    open();
    await Promise.all(held);
  });

  it('runs the members of a refused batch one by one, so that only the bad one fails', async () => {
    const { backend, batcher, batches } = await bench();
    const run = backend.run.bind(backend);
    backend.run = async (inputs, outputs) => {
      const values = new Float32Array(new Uint8Array(inputs[0]?.data ?? []).buffer);
      const answer = await run(inputs, outputs);
      if (values.includes(2)) throw modelRefused(new Error('no 2'));
      return answer;
    };
    const settled = await Promise.allSettled(
      [1, 2, 3].map((value) => batcher.submit([row(value)], ['y'], { signal: forever })),
    );
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(batches).toEqual([3, 1, 1, 1]);
  });

  it.each([
    ['found no memory', modelOutOfMemory('too much')],
    ['gave more than fits in a frame', tensorsTooLarge('outputs', 2 ** 32, 2 ** 31)],
  ])('runs the members of a batch one by one that %s, as each alone needs less', async (_title, error) => {
    const { backend, batcher, batches } = await bench();
    const run = backend.run.bind(backend);
    backend.run = async (inputs, outputs) => {
      const answer = await run(inputs, outputs);
      if ((inputs[0]?.shape[0] ?? 0) > 1) throw error;
      return answer;
    };
    const answers = await Promise.all(
      [1, 2, 3].map((value) => batcher.submit([row(value)], ['y'], { signal: forever })),
    );
    expect(answers.map(valueOf)).toEqual([1, 2, 3]);
    expect(batches).toEqual([3, 1, 1, 1]);
  });

  it('stops batching a model that does not keep a row for every row', async () => {
    const { backend, batcher, batches } = await bench();
    const run = backend.run.bind(backend);
    backend.run = async (inputs, outputs) =>
      (await run(inputs, outputs)).map((output) => ({ ...output, shape: [1, 2] }));
    const submit = (value: number) => batcher.submit([row(value)], ['y'], { signal: forever });
    expect((await Promise.all([1, 2].map(submit))).map(valueOf)).toEqual([1, 2]);
    expect((await Promise.all([3, 4].map(submit))).map(valueOf)).toEqual([3, 4]);
    expect(batches).toEqual([2, 1, 1, 1, 1]);
  });

  it('runs once more, alone, what a lost host was working on, and answers 503 when that is lost too', async () => {
    const { backend, batcher } = await bench();
    const run = backend.run.bind(backend);
    let losses = 3;
    backend.run = async (inputs, outputs) => {
      const answer = await run(inputs, outputs);
      if (losses-- > 0) throw modelProcessLost();
      return answer;
    };
    const settled = await Promise.allSettled(
      [1, 2, 3].map((value) => batcher.submit([row(value)], ['y'], { signal: forever })),
    );
    // Lost: the batch of three, then two of the three that ran again.
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  });

  it('runs what a lost host was working on beside nothing else, so that only what ended it fails', async () => {
    const { backend, batcher } = await bench({ maxRows: 1 }, { workers: 3, maxRows: 1 });
    const host = fragile(backend);
    const submit = (value: number) => batcher.submit([row(value)], ['y'], { signal: forever });
    const settled = Promise.allSettled([SLOW, POISON, SLOW].map(submit));
    await new Promise<void>((resolve) => (host.lost = resolve));
    const later = Promise.all([1, 2, 3].map(submit));
    const [one, poison, other] = await settled;
    expect([one, other].map((each) => each?.status)).toEqual(['fulfilled', 'fulfilled']);
    expect(poison).toMatchObject({ status: 'rejected', reason: { code: 'LNMT8206' } });
    expect((await later).map(valueOf)).toEqual([1, 2, 3]);
    // Lost together, then each by itself; what came later ran beside one another again.
    expect([host.losses, ...host.began]).toEqual([2, 1, 2, 3, 1, 1, 1, 1, 2, 3]);
  });

  it('gives up what waits to run alone when its client leaves or its deadline passes', async () => {
    const { backend, batcher, told } = await bench({ maxRows: 1 }, { workers: 3, maxRows: 1 });
    const host = fragile(backend);
    const client = new AbortController();
    const submit = (value: number, signal: Cancellation = forever, deadline?: number) =>
      batcher.submit([row(value)], ['y'], { signal, deadline }).catch((error: unknown) => error);
    const slow = submit(SLOW);
    await expect.poll(() => host.began).toEqual([1]);
    const [poison, left] = [submit(POISON), submit(SLOW, client.signal)];
    await new Promise<void>((resolve) => (host.lost = resolve));
    client.abort();
    const late = submit(SLOW, forever, performance.now() + 10);
    expect(await left).toMatchObject({ code: 'LNMT8207' });
    expect(await late).toMatchObject({ code: 'LNMT8220' });
    expect(told).toEqual(expect.arrayContaining(['left', 'expired']));
    expect(await poison).toMatchObject({ code: 'LNMT8206' });
    expect(valueOf((await slow) as readonly Tensor[])).toBe(SLOW);
  });

  it('answers 504 at its deadline to what waits for a host that is being replaced, and 503 to the rest', async () => {
    const { backend, batcher, told } = await bench();
    backend.up = false;
    const began = performance.now();
    const submit = (deadline?: number) =>
      batcher.submit([row(1)], ['y'], { signal: forever, deadline }).catch((error: unknown) => ({
        code: (error as { code: string }).code,
        after: performance.now() - began,
      }));
    const [patient, soon, sooner] = await Promise.all([
      submit(),
      submit(performance.now() + 200),
      submit(performance.now() + 50),
    ]);
    expect(sooner).toMatchObject({ code: 'LNMT8220' });
    expect((sooner as { after: number }).after).toBeLessThan(190);
    expect(soon).toMatchObject({ code: 'LNMT8220' });
    expect((soon as { after: number }).after).toBeLessThan(900);
    expect(patient).toMatchObject({ code: 'LNMT8206' });
    expect(told).toEqual(['expired', 'expired']);
    expect(backend.runs).toBe(0);
  });

  it('does not run again what ran too long', async () => {
    const { backend, batcher } = await bench();
    backend.run = async () => {
      throw runTimedOut(1);
    };
    await expect(batcher.submit([row(1)], ['y'], { signal: forever })).rejects.toMatchObject({ status: 504 });
  });

  it('waits a moment for a host that is replaced, and answers 503 when it does not come', async () => {
    const { backend, batcher } = await bench();
    backend.up = false;
    const answer = batcher.submit([row(1)], ['y'], { signal: forever });
    await delay(50);
    backend.up = true;
    expect(valueOf(await answer)).toBe(1);
    backend.up = false;
    await expect(batcher.submit([row(2)], ['y'], { signal: forever })).rejects.toMatchObject({ status: 503 });
  });

  it('waits as long in a later outage, though nobody waited for the end of the one before', async () => {
    let later = 0;
    const { backend, batcher } = await bench({}, undefined, () => performance.now() + later);
    const client = new AbortController();
    backend.up = false;
    const first = batcher.submit([row(1)], ['y'], { signal: client.signal });
    await delay(30);
    client.abort();
    await expect(first).rejects.toMatchObject({ status: 499 });
    await delay(30);
    later = 60_000;
    const second = batcher.submit([row(2)], ['y'], { signal: forever });
    await delay(50);
    backend.up = true;
    expect(valueOf(await second)).toBe(2);
  });

  it('waits at most the allowed delay for a batch to grow while the model is busy', async () => {
    const { backend, batcher, batches } = await bench({ maxDelay: 0.05 }, { workers: 2, maxRows: 8 });
    const open = hold(backend);
    const held = batcher.submit([row(0)], ['y'], { signal: forever });
    await vi.waitFor(() => expect(batches).toEqual([1]), 20_000);
    const second = batcher.submit([row(1)], ['y'], { signal: forever });
    await delay(20);
    const third = batcher.submit([row(2)], ['y'], { signal: forever });
    expect(batches).toEqual([1]);
    await vi.waitFor(() => expect(batches).toEqual([1, 2]), 20_000);
    open();
    await Promise.all([held, second, third]);
  });
});

describe('tensors of a batch', () => {
  const datatypes = fc.constantFrom(...(Object.keys(DATATYPE_BYTES) as Datatype[]));

  const element = (datatype: Datatype, value: number): unknown => {
    if (datatype === 'BYTES') return 'ü'.repeat(value % 4);
    return datatype === 'BOOL' ? value % 2 === 0 : value;
  };

  it('come apart as they were put together', () => {
    fc.assert(
      fc.property(
        datatypes,
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1 }),
        fc.nat(3),
        (type, rows, width) => {
          const requests = rows.map((count, index) => {
            const values = Array.from({ length: count * (width + 1) }, (_, place) =>
              element(type, (index + place) % 100),
            );
            const data = packElements(type, values);
            return [{ name: 'x', datatype: type, shape: [count, width + 1], data }];
          });
          const plain = (list: readonly (readonly Tensor[])[] | undefined) =>
            list?.map((tensors) => tensors.map((tensor) => ({ ...tensor, data: [...tensor.data] })));
          expect(plain(splitOutputs(mergeInputs(requests), rows))).toEqual(plain(requests));
        },
      ),
    );
  });

  it('share a batch only if the first dimension of every input and output is open', () => {
    const open = { name: 'x', datatype: 'FP32', shape: [-1, 2] } as const;
    const fixed = { ...open, shape: [1, 2] };
    const unknown = { ...open, shape: undefined };
    expect(mayBatch({ inputs: [open], outputs: [open] })).toBe(true);
    expect(mayBatch({ inputs: [open, fixed], outputs: [open] })).toBe(false);
    expect(mayBatch({ inputs: [open], outputs: [unknown] })).toBe(false);
    expect(mayBatch({ inputs: [], outputs: [open] })).toBe(false);
  });

  it('share a bucket only if they want the same outputs and differ in rows alone', () => {
    expect(bucketOf([row(1)], ['y'])).toBe(bucketOf([row(2, 5)], ['y']));
    expect(bucketOf([row(1)], ['y'])).not.toBe(bucketOf([row(1)], ['z']));
    expect(bucketOf([row(1)], ['y'])).not.toBe(bucketOf([row(1, 1, 3)], ['y']));
  });
});
