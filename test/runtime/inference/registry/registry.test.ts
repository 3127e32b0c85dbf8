import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ModelError } from '../../../../runtime/inference/errors';
import { InspectionError } from '../../../../runtime/inference/inspector';
import type { ModelSpec } from '../../../../runtime/inference/registry';
import type { Tensor } from '../../../../runtime/inference/tensors/tensor';
import type { FakeBackend } from '../../support/fake-backend';
import { demoRequest, lazy, ONE, pinned, RegistryBench } from '../../support/registry-bench';
import { DEMO_REQUEST } from '../../support/server';
import { temporaryFolder } from '../../support/temporary';

describe('the registry', () => {
  let bench: RegistryBench;

  beforeEach(() => (bench = new RegistryBench()));
  afterEach(() => bench.registry.close());

  describe('of versions', () => {
    it.each<[string, ModelSpec['versions'], string[]]>([
      ['the latest by number', undefined, ['10']],
      ['the latest two', { kind: 'latest', count: 2 }, ['2', '10']],
      ['all', { kind: 'all' }, ['1', '2', '10']],
      ['those that are named', { kind: 'specific', versions: ['2', '1'] }, ['1', '2']],
    ])('serves %s', async (_title, versions, served) => {
      await bench.build([{ ...pinned('a'), ...(versions ? { versions } : {}) }]).start();
      expect(bench.registry.describe('a', undefined).versions).toEqual(served);
      expect(await bench.infer('a')).toBe(`a/${served.at(-1)}`);
    });

    it('goes by the repository where the server says nothing', async () => {
      bench.source.says = { versions: { kind: 'all' }, aliases: { canary: '10', production: '2' } };
      await bench.build([pinned('a')]).start();
      expect(await bench.infer('a', 'canary')).toBe('a/10');
      expect(await bench.infer('a')).toBe('a/2');
      expect(await bench.infer('a', '1')).toBe('a/1');
    });

    it('refuses what is not served as the protocol has it', async () => {
      await bench.build([pinned('a')]).start();
      for (const [name, version] of [
        ['a', '1'],
        ['a', 'canary'],
        ['b', undefined],
        ['a', 'toString'],
      ] as const) {
        await expect(bench.infer(name, version)).rejects.toMatchObject({ code: 'LNMT8202', status: 404 });
      }
    });

    it('moves an alias only to a version that is ready', async () => {
      bench.source.says = { versions: { kind: 'all' }, aliases: { production: '1' } };
      await bench.build([pinned('a')]).start();
      bench.source.says = { versions: { kind: 'all' }, aliases: { production: '77' } };
      await expect(bench.registry.load('a')).rejects.toThrow('LNMT8310');
      expect(await bench.infer('a')).toBe('a/1');
    });
  });

  describe('of models that are loaded on demand', () => {
    it('is ready, and describes them, before any is in memory', async () => {
      await bench.build([lazy('a'), lazy('b')]).start();
      await expect.poll(() => bench.registry.index(true)).toHaveLength(2);
      expect([bench.registry.ready, bench.registry.isReady('a', undefined), bench.up]).toEqual([true, true, 0]);
      expect(bench.registry.describe('a', undefined).inputs).toEqual([{ name: 'x', datatype: 'FP32', shape: [-1, 2] }]);
    });

    it('loads one once for all who ask at the same time', async () => {
      await bench.build([lazy('a')]).start();
      await expect.poll(() => bench.registry.index(true)).toHaveLength(1);
      await Promise.all([1, 2, 3, 4, 5].map(() => bench.infer('a')));
      expect(bench.backends).toHaveLength(1);
    });

    it('makes room by least recent use, ends what leaves, and loads it again', async () => {
      await bench.build([lazy('a'), lazy('b'), lazy('c')], 2 * ONE).start();
      await expect.poll(() => bench.registry.index(true)).toHaveLength(3);
      for (const name of ['a', 'b', 'a', 'c']) await bench.infer(name);
      await expect.poll(() => bench.backends.map(({ up }) => up)).toEqual([true, false, true]);
      expect(bench.registry.isReady('b', undefined)).toBe(true);
      expect(await bench.infer('b')).toBe('b/1');
      expect(bench.up).toBe(2);
    });

    it('never holds more than its budget, and answers everybody', async () => {
      const names = Array.from({ length: 40 }, (_, index) => `m${index}`);
      for (const name of names) bench.source.models[name] = ['1'];
      await bench.build(names.map(lazy), 5 * ONE).start();
      await expect.poll(() => bench.registry.index(true)).toHaveLength(40);
      let most = 0;
      let seed = 1;
      const draw = (): number => (seed = (seed * 48_271) % 0x7fffffff) / 0x7fffffff;
      const ask = async (): Promise<void> => {
        for (let turn = 0; turn < 100; turn += 1) {
          await bench.infer(names[Math.floor(40 * draw() ** 3)] ?? 'm0');
          most = Math.max(most, bench.up);
        }
      };
      await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(ask));
      expect(most).toBeLessThanOrEqual(5);
      expect(most).toBeGreaterThan(1);
    });

    it('lets a request that runs finish before its model leaves', async () => {
      await bench.build([lazy('a'), lazy('b')], ONE).start();
      await expect.poll(() => bench.registry.index(true)).toHaveLength(2);
      let open: () => void = () => undefined;
      bench.prepare = (backend) => void (backend.gate = new Promise((resolve) => void (open = resolve)));
      const first = bench.infer('a');
      await expect.poll(() => bench.backends[0]?.runs).toBe(1);
      bench.prepare = () => undefined;
      const second = bench.infer('b');
      await delay(20);
      expect(bench.backends).toHaveLength(1);
      open();
      expect(await Promise.all([first, second])).toEqual(['a/10', 'b/1']);
    });

    it('refuses with 503 what pinned models leave no room for', async () => {
      await bench.build([pinned('b'), lazy('a')], ONE).start();
      await expect.poll(() => bench.registry.index(true)).toHaveLength(2);
      await expect(bench.infer('a')).rejects.toMatchObject({ code: 'LNMT8212', status: 503, retryAfter: 5 });
      expect(await bench.infer('b')).toBe('b/1');
    });

    it('refuses with 503 while one cannot be loaded, and does not try at every request', async () => {
      await bench.build([lazy('a')]).start();
      await expect.poll(() => bench.registry.index(true)).toHaveLength(1);
      bench.prepare = (backend) => (backend.load = () => Promise.reject(new ModelError('LNMT8306', 'broken')));
      for (let turn = 0; turn < 3; turn += 1) {
        await expect(bench.infer('a')).rejects.toMatchObject({ code: 'LNMT8211', status: 503 });
      }
      expect(bench.backends).toHaveLength(1);
      expect(bench.registry.index(false)).toEqual([
        { name: 'a', version: '10', state: 'UNAVAILABLE', reason: 'LNMT8306: the model cannot be loaded' },
      ]);
    });

    describe('and fail', () => {
      const eager: ModelSpec = { name: 'a', load: 'eager' };
      let fails = true;

      beforeEach(async () => {
        fails = true;
        await bench.build([eager, lazy('b')], ONE).start();
        await expect.poll(() => bench.registry.index(true)).toHaveLength(2);
        // It takes the room of the other, which is loaded on demand from now on.
        await bench.infer('b');
        bench.prepare = (backend) => {
          if (fails) backend.load = () => Promise.reject(new ModelError('LNMT8313', 'no process', true));
        };
        vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
        await expect(bench.infer('a')).rejects.toMatchObject({ code: 'LNMT8211' });
      });
      afterEach(() => void vi.useRealTimers());

      it('tries again without a request: nobody sends one to a server that is not ready', async () => {
        expect(bench.registry.ready).toBe(false);
        fails = false;
        await vi.advanceTimersByTimeAsync(1_000);
        await vi.waitUntil(() => bench.registry.ready);
        expect([await bench.infer('a'), bench.up]).toEqual(['a/10', 1]);
      });

      it('tries one that can never be loaded ever more rarely, and is not ready meanwhile', async () => {
        const states = new Set<boolean>();
        const tries: number[] = [];
        for (let second = 1; second <= 1_000; second += 1) {
          const before = bench.backends.length;
          await vi.advanceTimersByTimeAsync(1_000);
          while (bench.registry.versions().some(({ loading }) => loading !== undefined)) {
            await new Promise<void>((resolve) => {
              setImmediate(resolve);
            });
          }
          states.add(bench.registry.ready);
          if (bench.backends.length > before) tries.push(second);
        }
        expect(tries).toEqual([1, 3, 7, 15, 31, 63, 127, 255, 511, 811]);
        expect([...states]).toEqual([false]);
      });

      it.each<[string, () => Promise<void>]>([
        ['was unloaded', () => bench.registry.unload('a')],
        [
          'gave way to another version',
          () => {
            fails = false;
            bench.source.models['a'] = ['11'];
            return bench.registry.load('a');
          },
        ],
        ['ended with the server', () => bench.registry.close()],
      ])('tries one no more that %s', async (_title, leave) => {
        await leave();
        const tries = (): readonly number[] => [
          bench.backends.length,
          bench.said('model not loaded on request').length,
        ];
        const before = tries();
        await vi.advanceTimersByTimeAsync(10_000);
        await delay(5);
        expect(tries()).toEqual(before);
      });
    });

    it('looks again for one that was not there at the start, or not fit to serve', async () => {
      bench.source.failure = new InspectionError('LNMT8325', 'a loop');
      await bench.build([lazy('a'), lazy('d')]).start();
      await expect.poll(() => bench.said('lazy model cannot be served')).toHaveLength(2);
      bench.source.failure = undefined;
      bench.source.models['d'] = ['1'];
      await expect.poll(() => bench.registry.index(true)).toHaveLength(2);
      expect([await bench.infer('a'), await bench.infer('d')]).toEqual(['a/10', 'd/1']);
    });

    it('fetches the files again when they changed on the disk', async () => {
      await bench.build([lazy('a')]).start();
      await expect.poll(() => bench.registry.index(true)).toHaveLength(1);
      bench.source.intact = false;
      bench.source.revision = 7;
      expect(await bench.infer('a')).toBe('a/10');
      expect([...bench.source.held.keys()]).toContain('a/10/7');
    });

    it('gives up on a request whose client leaves while the model loads', async () => {
      await bench.build([lazy('a')]).start();
      await expect.poll(() => bench.registry.index(true)).toHaveLength(1);
      bench.prepare = (backend) => void (backend.load = () => new Promise(() => undefined));
      const client = new AbortController();
      const answer = bench.registry.infer('a', undefined, demoRequest(), client.signal);
      client.abort();
      await expect(answer).rejects.toMatchObject({ code: 'LNMT8207' });
    });
  });

  describe('of models that are loaded at start', () => {
    it('is not ready before all of them are, and does not wait for lazy ones', async () => {
      let open: () => void = () => undefined;
      const gate = new Promise<void>((resolve) => (open = resolve));
      bench.prepare = (backend) => {
        const load = backend.load.bind(backend);
        backend.load = (file) => gate.then(() => load(file));
      };
      const started = bench.build([pinned('a'), { name: 'b', load: 'eager' }, lazy('c')]).start();
      await delay(5);
      expect(bench.registry.ready).toBe(false);
      await expect(bench.infer('a')).rejects.toMatchObject({ code: 'LNMT8211' });
      open();
      await started;
      expect([bench.registry.ready, bench.up]).toEqual([true, 2]);
    });

    describe('by the hundred', () => {
      const many = Array.from({ length: 100 }, (_, n) => `many-${n}`);
      let open: () => void;
      let most = 0;

      beforeEach(() => {
        const gate = new Promise<void>((resolve) => (open = resolve));
        let going = 0;
        most = 0;
        const { source } = bench;
        const obtain = source.obtain.bind(source);
        for (const name of many) source.models[name] = ['1'];
        source.obtain = async (model, ask) => {
          if (!many.includes(model.name)) return obtain(model, ask);
          most = Math.max(most, ++going);
          await gate;
          going -= 1;
          return obtain(model, ask);
        };
      });

      it('asks for a few of them at once, and in the end for all', async () => {
        await bench.build(many.map(lazy)).start();
        await delay(5);
        expect(most).toBe(8);
        open();
        await expect.poll(() => bench.registry.index(true)).toHaveLength(100);
        expect(most).toBe(8);
      });

      it('lets nobody wait behind them who needs one now, nor those that the server needs', async () => {
        await bench.build([...many.map(lazy), lazy('a'), pinned('b')]).start();
        expect(await bench.infer('b')).toBe('b/1');
        await expect(bench.infer('a')).rejects.toMatchObject({ code: 'LNMT8211' });
        await bench.registry.load('a');
        expect(await bench.infer('a')).toBe('a/10');
        open();
      });
    });

    it('does not start when one of them cannot be served', async () => {
      bench.source.failure = new InspectionError('LNMT8325', 'a loop');
      await expect(bench.build([pinned('a')]).start()).rejects.toThrow('LNMT8325');
    });

    it.each([
      new InspectionError('LNMT8321', 'it is cut short'),
      new InspectionError('LNMT8327', 'it took more than 30 s'),
      new ModelError('LNMT8302', 'it is not JSON'),
      new ModelError('LNMT8303', 'it has another SHA-256'),
      new ModelError('LNMT8304', 'it redirects to a place that is not allowed'),
      new ModelError('LNMT8310', 'config.json is not JSON'),
    ])('starts with the last good content in place of $code', async (failure) => {
      bench.source.failure = failure;
      bench.source.hasLastGood = true;
      await bench.build([pinned('a')]).start();
      expect(await bench.infer('a')).toBe('a/10');
    });

    it('is not ready while one of them is down, and others answer on', async () => {
      await bench.build([pinned('a'), pinned('b')]).start();
      const [down] = bench.backends;
      if (down) down.up = false;
      expect(bench.registry.ready).toBe(false);
      expect(bench.registry.index(true)).toHaveLength(1);
      const answers = await Promise.allSettled([bench.infer('a'), bench.infer('b')]);
      expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    });

    it('evicts an eager model for another, and no pinned one', async () => {
      await bench.build([pinned('b'), { name: 'c', load: 'eager' }, lazy('a')], 2 * ONE).start();
      await expect.poll(() => bench.registry.index(true)).toHaveLength(3);
      expect(await bench.infer('a')).toBe('a/10');
      expect(bench.registry.versions().flatMap(({ loaded, identity }) => (loaded ? identity.name : []))).toEqual([
        'b',
        'a',
      ]);
      expect(bench.registry.ready).toBe(true);
    });
  });

  describe('asked to load', () => {
    it('loads a new version beside the old one, switches, and ends the old one when it is idle', async () => {
      await bench.build([pinned('a')]).start();
      let open: () => void = () => undefined;
      const [old] = bench.backends;
      if (old) old.gate = new Promise((resolve) => (open = resolve));
      const running = bench.infer('a');
      await expect.poll(() => old?.runs).toBe(1);
      bench.source.models['a'] = ['1', '2', '10', '11'];
      await bench.registry.load('a');
      expect(await bench.infer('a')).toBe('a/11');
      expect(old?.up).toBe(true);
      open();
      expect(await running).toBe('a/10');
      await expect.poll(() => old?.up).toBe(false);
      expect(bench.registry.describe('a', undefined).versions).toEqual(['11']);
      await expect.poll(() => bench.source.held.get('a/10/0')).toBe(0);
    });

    it('loads a version again whose content changed, and leaves alone one that did not', async () => {
      await bench.build([pinned('a')]).start();
      await bench.registry.load('a');
      expect(bench.backends).toHaveLength(1);
      bench.source.revision += 1;
      await bench.registry.load('a');
      expect(bench.backends).toHaveLength(2);
      await expect.poll(() => bench.up).toBe(1);
    });

    it('fails no request while versions change', async () => {
      await bench.build([pinned('a')]).start();
      let asking = true;
      const outcomes: string[] = [];
      const client = async (): Promise<void> => {
        while (asking) {
          outcomes.push(await bench.infer('a').catch(String));
          await delay(1);
        }
      };
      const clients = [1, 2, 3, 4].map(client);
      for (let version = 11; version < 31; version += 1) {
        bench.source.models['a'] = [String(version)];
        await bench.registry.load('a');
        await delay(3);
      }
      asking = false;
      await Promise.all(clients);
      expect(outcomes.filter((outcome) => !/^a\/\d+$/.test(outcome))).toEqual([]);
      expect(new Set(outcomes).size).toBeGreaterThan(5);
      await expect.poll(() => bench.up).toBe(1);
    });

    it('warms a new version up with the requests of the old one', async () => {
      await bench.build([pinned('a')]).start();
      for (let turn = 0; turn < 3; turn += 1) await bench.infer('a');
      bench.source.models['a'] = ['11'];
      await bench.registry.load('a');
      expect(bench.backends[1]?.runs).toBe(6);
    });

    const answering = (change: (outputs: readonly Tensor[]) => readonly Tensor[]) => (backend: FakeBackend) => {
      const run = backend.run.bind(backend);
      backend.run = async (inputs, outputs) => change(await run(inputs, outputs));
    };
    const nan = new Uint8Array(new Float32Array([Number.NaN, 1]).buffer);

    it.each<[string, (backend: FakeBackend) => void, string]>([
      [
        'cannot be loaded',
        (backend) => (backend.load = () => Promise.reject(new ModelError('LNMT8306', 'x'))),
        'LNMT8306',
      ],
      ['answers NaN', answering((outputs) => outputs.map((tensor) => ({ ...tensor, data: nan }))), 'LNMT8307'],
      [
        'is far too slow',
        (backend) => {
          const run = backend.run.bind(backend);
          backend.run = async (inputs, outputs) => delay(400).then(() => run(inputs, outputs));
        },
        'LNMT8307',
      ],
    ])('goes on with the old version when the new one %s', async (_title, spoil, code) => {
      await bench.build([pinned('a')]).start();
      await bench.infer('a');
      bench.source.models['a'] = ['11'];
      bench.prepare = spoil;
      await expect(bench.registry.load('a')).rejects.toMatchObject({
        code: 'LNMT8214',
        message: expect.stringContaining(code) as string,
      });
      expect(await bench.infer('a')).toBe('a/10');
      expect([bench.registry.ready, bench.backends[1]?.up]).toEqual([true, false]);
      expect(bench.registry.index(false)).toHaveLength(1);
    });

    it('goes on with the old version when the inspector refuses the new one', async () => {
      await bench.build([pinned('a')]).start();
      bench.source.models['a'] = ['11'];
      bench.source.failure = new InspectionError('LNMT8322', 'secret-node');
      const failure = bench.registry.load('a');
      await expect(failure).rejects.toThrow('LNMT8322');
      await expect(failure).rejects.not.toThrow('secret-node');
      expect(await bench.infer('a')).toBe('a/10');
    });

    it('serves a model of the repository that it was not told of', async () => {
      await bench.build([]).start();
      await bench.registry.load('b');
      expect([await bench.infer('b'), bench.up]).toEqual(['b/1', 1]);
      await expect(bench.registry.load('d')).rejects.toMatchObject({ status: 404 });
      await expect(bench.registry.load('no-such')).rejects.toMatchObject({ status: 404 });
      expect(bench.registry.index(false).map(({ name }) => name)).toEqual(['b']);
    });
  });

  describe('asked to load under a budget of memory', () => {
    const eager: ModelSpec = { name: 'a', load: 'eager' };

    it.each<[string, () => void]>([
      ['a new version', () => (bench.source.models['a'] = ['11'])],
      ['new content of a version', () => (bench.source.revision += 1)],
    ])('refuses %s that does not fit beside what it replaces, which serves on', async (_title, change) => {
      await bench.build([eager], 2 * ONE - 1).start();
      await bench.infer('a');
      change();
      await expect(bench.registry.load('a')).rejects.toMatchObject({
        ...{ code: 'LNMT8212', status: 503, retryAfter: 5 },
        message: expect.stringMatching(
          /needs about \d+ bytes beside the \d+ of the one that it replaces, .*unload that one first/,
        ) as string,
      });
      expect([await bench.infer('a'), bench.backends.map(({ up }) => up)]).toEqual(['a/10', [true]]);
      // The remedy that it names.
      await bench.registry.unload('a');
      await bench.registry.load('a');
      expect([bench.up, bench.registry.index(true)]).toMatchObject([1, [{ name: 'a' }]]);
    });

    it('makes room by ending others, though what it replaces was used less', async () => {
      await bench.build([eager, lazy('b')], 2 * ONE).start();
      await expect.poll(() => bench.registry.index(true)).toHaveLength(2);
      await bench.infer('a');
      for (let turn = 0; turn < 5; turn += 1) await bench.infer('b');
      const [old] = bench.backends;
      let down = 0;
      bench.prepare = (backend) => {
        const run = backend.run.bind(backend);
        backend.run = (inputs, outputs) => {
          if (old?.up !== true) down += 1;
          return run(inputs, outputs);
        };
      };
      bench.source.models['a'] = ['11'];
      await bench.registry.load('a');
      expect([down, await bench.infer('a')]).toEqual([0, 'a/11']);
      await expect.poll(() => bench.backends.map(({ up }) => up)).toEqual([false, false, true]);
    });

    it('replaces a model that is down, and holds the new one to nothing that it cannot say', async () => {
      await bench.build([pinned('a')]).start();
      await bench.infer('a');
      const [old] = bench.backends;
      if (old) old.up = false;
      bench.source.models['a'] = ['11'];
      await bench.registry.load('a');
      expect(await bench.infer('a')).toBe('a/11');
    });
  });

  describe('asked to unload', () => {
    it('answers what runs, ends the model, and serves it no more until it is loaded again', async () => {
      await bench.build([{ name: 'a', load: 'eager' }]).start();
      await bench.registry.unload('a');
      await expect(bench.infer('a')).rejects.toMatchObject({ status: 404 });
      expect([bench.up, bench.registry.ready, bench.registry.index(false)[0]?.state]).toEqual([0, true, 'UNAVAILABLE']);
      await bench.registry.load('a');
      expect(await bench.infer('a')).toBe('a/10');
    });

    it('waits for what runs no longer once the server ends', async () => {
      await bench.build([{ name: 'a', load: 'eager' }]).start();
      const [backend] = bench.backends;
      if (backend) backend.gate = new Promise(() => undefined);
      void bench.infer('a');
      await expect.poll(() => backend?.runs).toBe(1);
      const unloaded = bench.registry.unload('a');
      await delay(5);
      expect(bench.up).toBe(1);
      await bench.registry.close();
      await unloaded;
      expect(bench.up).toBe(0);
    });

    it('refuses for a pinned model and an unknown one', async () => {
      await bench.build([pinned('a')]).start();
      await expect(bench.registry.unload('a')).rejects.toMatchObject({ code: 'LNMT8213', status: 409 });
      await expect(bench.registry.unload('z')).rejects.toMatchObject({ status: 404 });
    });
  });

  describe('with golden answers beside the model', () => {
    let dir: string;

    beforeEach(() => (dir = temporaryFolder()));
    afterEach(() => fs.rmSync(dir, { recursive: true }));

    const golden = (data: readonly number[], more: object = {}): string => {
      const file = path.join(dir, 'golden.json');
      const outputs = [{ name: 'y', datatype: 'FP32', shape: [1, 2], data }];
      fs.writeFileSync(file, JSON.stringify({ cases: [{ inputs: DEMO_REQUEST.inputs, outputs, ...more }] }));
      return file;
    };

    it('serves a model that gives them', async () => {
      bench.source.golden = golden([1, 2.50001]);
      await bench.build([pinned('a')]).start();
      expect(await bench.infer('a')).toBe('a/10');
    });

    it.each<[string, readonly number[], object, string]>([
      ['differ', [1, 2.6], {}, 'output "y" has 2.5 at 1, expected 2.5999'],
      ['differ beyond their own tolerance', [1, 2.6], { tolerance: { absolute: 0.01 } }, 'at 1, expected'],
      ['are not well formed', [1], {}, 'cases[0]: input "y"'],
      ['have a tolerance that is none', [1, 2], { tolerance: { absolute: -1 } }, 'cases[0].tolerance'],
    ])('refuses a model when they %s', async (_title, data, more, text) => {
      bench.source.golden = golden(data, more);
      const started = bench.build([pinned('a')]).start();
      await expect(started).rejects.toThrow('LNMT8307');
      await expect(started).rejects.toThrow(text);
      expect(bench.up).toBe(0);
    });
  });
});
