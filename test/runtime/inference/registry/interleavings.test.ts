import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ModelError } from '../../../../runtime/inference/errors';
import type { ModelIdentity } from '../../../../runtime/inference/data-plane';
import { processingLayer } from '../../../../runtime/inference/processing/layer';
import { noResources, Processing } from '../../../../runtime/inference/processing/processing';
import type { FakeBackend } from '../../support/fake-backend';
import { demoRequest, FILTER, lazy, ONE, RegistryBench } from '../../support/registry-bench';

const ticks = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
};

const NAMES = ['a', 'b'] as const;
type Name = (typeof NAMES)[number];

/** What was asked of a model, and whether it was done. */
interface Order {
  readonly name: Name;
  readonly serves: boolean;
  done: boolean;
}

/** A registry whose hosts and repository take their time, and every host that is open. */
class World {
  readonly bench = new RegistryBench();
  readonly open = new Set<FakeBackend>();
  readonly orders: Order[] = [{ name: 'a', serves: true, done: true }];
  /** Loads that fail from now on. */
  failing = 0;
  private readonly pending: Promise<unknown>[] = [];
  private drawn = 0;

  constructor(
    private readonly pauses: readonly number[],
    private readonly budget: number,
  ) {
    const { bench } = this;
    bench.prepare = (backend) => this.slow(backend);
    const { source } = bench;
    const obtain = source.obtain.bind(source);
    const recheck = source.recheck.bind(source);
    const settings = source.settings.bind(source);
    source.models['a'] = ['1'];
    source.says = { versions: { kind: 'all' } };
    source.obtain = (model: ModelIdentity) => this.pause().then(() => obtain(model));
    source.recheck = () => this.pause().then(recheck);
    source.settings = () => this.pause().then(settings);
  }

  async start(): Promise<this> {
    await this.bench.build([lazy('a')], this.budget).start();
    while (this.bench.registry.index(true).length === 0) await ticks(1);
    return this;
  }

  demand(name: Name, version: string | undefined): void {
    this.pending.push(this.bench.infer(name, version).catch(() => undefined));
  }

  load(name: Name): void {
    this.order({ name, serves: true, done: false }, this.bench.registry.load(name));
  }

  unload(name: Name): void {
    this.order({ name, serves: false, done: false }, this.bench.registry.unload(name));
  }

  /** What is done for a repository that was out of reach: nobody demanded the model. */
  refresh(name: Name): void {
    const model = this.bench.registry['models'].get(name);
    if (model) this.pending.push(this.bench.registry['refresher'].refresh(model, false).catch(() => undefined));
  }

  /** Hosts that the registry knows of. */
  get loaded(): Set<unknown> {
    return new Set(this.bench.registry.versions().flatMap(({ loaded }) => loaded?.plane['backend'] ?? []));
  }

  /** Files that versions hold, and those that the source thinks are held, by digest. */
  get files(): readonly [object, object] {
    const own: Record<string, number> = {};
    for (const { files } of this.bench.registry.versions()) if (files) own[files.digest] = (own[files.digest] ?? 0) + 1;
    return [own, Object.fromEntries([...this.bench.source.held].filter(([, count]) => count !== 0))];
  }

  /** Waits until nothing goes on, and holds the registry to what it says. */
  async rest(): Promise<void> {
    await Promise.all(this.pending.splice(0));
    for (let turn = 0; turn < 500 && this.open.size !== this.loaded.size; turn += 1) await ticks(1);
    await ticks(50);
    const known = this.loaded;
    expect([...this.open].filter((backend) => !known.has(backend))).toEqual([]);
    expect(this.open.size).toBe(known.size);
    const [own, held] = this.files;
    expect(held).toEqual(own);
    this.failing = 0;
    for (const { name, version } of this.bench.registry.index(true)) {
      expect(await this.bench.infer(name, version)).toBe(`${name}/${version}`);
    }
    for (const name of NAMES) {
      const last = this.orders.findLast((order) => order.name === name && order.done);
      const code = await this.bench.infer(name).then(
        () => undefined,
        (error: { readonly code: string }) => error.code,
      );
      expect(code === 'LNMT8202').toBe(last?.serves !== true);
    }
  }

  private order(order: Order, work: Promise<void>): void {
    this.orders.push(order);
    this.pending.push(
      work.then(
        () => (order.done = true),
        () => undefined,
      ),
    );
  }

  private pause(): Promise<void> {
    return ticks(this.pauses[this.drawn++ % this.pauses.length] ?? 0);
  }

  private slow(backend: FakeBackend): void {
    const [load, close] = [backend.load.bind(backend), backend.close.bind(backend)];
    backend.load = async (file) => {
      this.open.add(backend);
      await this.pause();
      if (this.failing-- > 0) throw new ModelError('LNMT8306', 'spoiled');
      return load(file);
    };
    backend.close = async () => {
      await this.pause();
      await close();
      this.open.delete(backend);
    };
  }
}

type Step = fc.AsyncCommand<object, World>;

const step = (title: string, run: (world: World) => void | Promise<void>): Step => ({
  check: () => true,
  run: async (_model, world) => run(world),
  toString: () => title,
});

const name = fc.constantFrom(...NAMES);
const versions = fc.constantFrom(['1'], ['2'], ['1', '2'], ['2', '3']);

const steps = fc.commands<object, World, false>(
  [
    fc
      .tuple(name, fc.constantFrom(undefined, '1', '2'))
      .map(([model, version]) => step(`demand(${model}/${version})`, (world) => world.demand(model, version))),
    name.map((model) => step(`load(${model})`, (world) => world.load(model))),
    name.map((model) => step(`unload(${model})`, (world) => world.unload(model))),
    name.map((model) => step(`refresh(${model})`, (world) => world.refresh(model))),
    fc.tuple(name, versions).map(([model, list]) =>
      step(`repository(${model}: ${list.join()})`, (world) => {
        world.bench.source.models[model] = [...list];
      }),
    ),
    fc.constant(step('content()', (world) => void (world.bench.source.revision += 1))),
    fc.boolean().map((intact) => step(`intact(${intact})`, (world) => void (world.bench.source.intact = intact))),
    fc.nat(2).map((count) => step(`spoil(${count})`, (world) => void (world.failing = count))),
    fc.nat(8).map((count) => step(`wait(${count})`, () => ticks(count))),
    fc.constant(step('rest()', (world) => world.rest())),
  ],
  { maxCommands: 30 },
);

describe('a registry whose models are loaded, unloaded, replaced and asked at once', () => {
  it('has as many hosts open as it says, holds no files but theirs, and serves what it was told last', async () => {
    const pauses = fc.array(fc.nat(4), { minLength: 3, maxLength: 15 });
    const budget = fc.constantFrom(0, ONE, 2 * ONE, 3 * ONE);
    await fc.assert(
      fc.asyncProperty(steps, pauses, budget, async (commands, drawn, bytes) => {
        const world = await new World(drawn, bytes).start();
        try {
          await fc.asyncModelRun(() => ({ model: {}, real: world }), commands);
          await world.rest();
          await world.bench.registry.close();
          expect(world.open.size).toBe(0);
        } finally {
          await world.bench.registry.close();
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('a registry whose lazy model is being loaded for a request', () => {
  let bench: RegistryBench;
  let open: () => void;

  beforeEach(async () => {
    bench = new RegistryBench();
    bench.source.models['a'] = ['1'];
    await bench.build([lazy('a')]).start();
    await expect.poll(() => bench.registry.index(true)).toHaveLength(1);
    const gate = new Promise<void>((resolve) => (open = resolve));
    bench.prepare = (backend) => {
      const load = backend.load.bind(backend);
      // The first one only.
      if (bench.backends.length === 0) backend.load = (file) => gate.then(() => load(file));
    };
  });

  afterEach(() => bench.registry.close());

  it('loads it once for that and for an operator who asks for it', async () => {
    const answer = bench.infer('a');
    await expect.poll(() => bench.backends).toHaveLength(1);
    const loaded = bench.registry.load('a');
    await ticks(5);
    open();
    await loaded;
    expect([await answer, bench.backends.length, bench.up]).toEqual(['a/1', 1, 1]);
  });

  it('answers who waited when it is unloaded meanwhile, ends it, and is not ready before that nor after', async () => {
    const answer = bench.infer('a');
    await expect.poll(() => bench.backends).toHaveLength(1);
    const unloaded = bench.registry.unload('a');
    await ticks(5);
    expect(bench.registry.index(false)).toMatchObject([{ version: '1', state: 'UNLOADING' }]);
    await expect(bench.infer('a')).rejects.toMatchObject({ code: 'LNMT8202' });
    open();
    await unloaded;
    expect([await answer, bench.up, bench.registry.index(true)]).toEqual(['a/1', 0, []]);
  });

  it('ends it when another version took its place meanwhile', async () => {
    const answer = bench.infer('a');
    await expect.poll(() => bench.backends).toHaveLength(1);
    bench.source.models['a'] = ['2'];
    await bench.registry.load('a');
    expect(await bench.infer('a')).toBe('a/2');
    open();
    expect(await answer).toBe('a/1');
    await expect.poll(() => bench.backends.map(({ up }) => up)).toEqual([false, true]);
  });

  it('loads a model that nobody knew once for two operators who ask for it', async () => {
    const loads = [bench.registry.load('b'), bench.registry.load('b')];
    await expect.poll(() => bench.backends).toHaveLength(1);
    open();
    await Promise.all(loads);
    expect([await bench.infer('b'), bench.backends.length, bench.up]).toEqual(['b/1', 1, 1]);
    await bench.registry.unload('b');
    expect(bench.up).toBe(0);
  });

  it('loads it again for the next one when it takes more than was thought and has to go at once', async () => {
    bench.bytes = 2 * ONE;
    await bench.build([lazy('a')], ONE).start();
    await expect.poll(() => bench.registry.index(true)).toHaveLength(1);
    open();
    for (let turn = 0; turn < 3; turn += 1) {
      const outcome = await bench.infer('a').catch((error: { readonly code: string }) => error.code);
      expect(['a/1', 'LNMT8212']).toContain(outcome);
      await expect.poll(() => bench.up).toBe(0);
      expect(bench.registry.versions().map(({ loaded }) => loaded)).toEqual([undefined]);
    }
  });

  it('does not bring back what was unloaded while its repository is asked again on its own', async () => {
    const model = bench.registry['models'].get('a');
    if (model === undefined) throw new Error('no model');
    const unloaded = bench.registry.unload('a');
    await bench.registry['refresher'].refresh(model, false);
    await unloaded;
    expect(bench.registry.index(true)).toEqual([]);
  });

  it('gives a request that waited behind an operator the steps of the version that came', async () => {
    const nobody = { step: () => undefined, filtered: () => undefined, refused: () => undefined };
    const core = processingLayer(bench.registry, new Processing(noResources(), nobody));
    const { signal } = new AbortController();
    const infer = core((call) => bench.registry.infer(call.name, call.version, call.request, call.signal));
    bench.source.models['a'] = ['1'];
    bench.source.says = { processing: FILTER };
    // New content under the same version, which is loaded first.
    const loaded = bench.registry.load('a');
    await expect.poll(() => bench.backends).toHaveLength(1);
    const call = { name: 'a', version: undefined, request: demoRequest(), signal, caller: undefined };
    const answer = infer({ ...call, attribute: () => undefined });
    open();
    await loaded;
    const { outputs } = await answer;
    expect([...new Float32Array(Uint8Array.from(outputs[0]?.data ?? []).buffer)]).toEqual([1, 1]);
  });
});
