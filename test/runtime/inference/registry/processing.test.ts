import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ModelError } from '../../../../runtime/inference/errors';
import { processingLayer } from '../../../../runtime/inference/processing/layer';
import { noResources, Processing } from '../../../../runtime/inference/processing/processing';
import type { ModelIdentity } from '../../../../runtime/inference/data-plane';
import type { Answer } from '../../../../runtime/inference/registry';
import type { InferenceCall } from '../../../../runtime/inference/serving/layer';
import { demoRequest, FILTER, lazy, RegistryBench } from '../../support/registry-bench';

const DIGEST = /^a\//;

describe('the steps around versions', () => {
  let bench: RegistryBench;
  /** What obtaining a version fails with. */
  let faults: Map<string, Error>;
  let steps: Processing;

  beforeEach(() => {
    bench = new RegistryBench();
    faults = new Map();
    const nobody = { step: () => undefined, filtered: () => undefined, refused: () => undefined };
    steps = new Processing(noResources(), nobody);
    const obtain = bench.source.obtain.bind(bench.source);
    bench.source.obtain = async (model: ModelIdentity) => {
      const fault = faults.get(model.version);
      if (fault !== undefined) throw fault;
      return obtain(model);
    };
    bench.source.says = { versions: { kind: 'all' }, processing: FILTER };
  });

  afterEach(() => bench.registry.close());

  const callOf = (version?: string): InferenceCall => {
    const { signal } = new AbortController();
    return { ...{ name: 'a', version, request: demoRequest(), signal, caller: undefined }, attribute: () => undefined };
  };

  /** Answers as transports ask for them. */
  const infer = (version?: string): Promise<Answer> =>
    processingLayer(
      bench.registry,
      steps,
    )((call) => bench.registry.infer(call.name, call.version, call.request, call.signal))(callOf(version));

  const values = ({ outputs: [output] }: Answer): number[] => [
    ...new Float32Array(Uint8Array.from(output?.data ?? []).buffer),
  ];

  /** Files that are held, by digest. */
  const held = (): object =>
    Object.fromEntries([...bench.source.held].filter(([key, n]) => DIGEST.test(key) && n !== 0));

  it.each(['lazy', 'eager'] as const)(
    'are there after a start at which one of several versions (%s) could not be had at first',
    async (load) => {
      faults.set('10', new ModelError('LNMT8304', 'out of reach', true));
      const started = bench.build([{ name: 'a', load }]).start();
      await expect.poll(() => bench.said('model not loaded, trying again')).toHaveLength(1);
      expect([held(), bench.up]).toEqual([{}, 0]);
      faults.clear();
      await started;
      await expect.poll(() => bench.registry.index(true)).toHaveLength(3);
      for (const version of ['1', '2', '10']) {
        expect(bench.registry.processor('a', version)).toBeDefined();
        expect(values(await infer(version))).toEqual([1, 1]);
      }
      expect(held()).toEqual({ 'a/1/0': 1, 'a/2/0': 1, 'a/10/0': 1 });
    },
  );

  it('and files of versions that were prepared in vain are let go of, and what is served is served on', async () => {
    bench.source.says = { versions: { kind: 'latest', count: 2 }, processing: FILTER };
    bench.source.models['a'] = ['1'];
    await bench.build([lazy('a')]).start();
    await expect.poll(() => bench.registry.index(true)).toHaveLength(1);
    bench.source.models['a'] = ['1', '2', '3'];
    faults.set('3', new ModelError('LNMT8303', 'damaged'));
    await expect(bench.registry.load('a')).rejects.toMatchObject({ code: 'LNMT8214' });
    expect([held(), bench.registry.index(false).map(({ version }) => version)]).toEqual([{ 'a/1/0': 1 }, ['1']]);
    expect(values(await infer())).toEqual([1, 1]);
    faults.clear();
    await bench.registry.load('a');
    await expect.poll(held).toEqual({ 'a/2/0': 1, 'a/3/0': 1 });
    expect(values(await infer('2'))).toEqual([1, 1]);
  });

  it('of a version whose alias makes the repository refuse all leave nothing behind', async () => {
    bench.source.models['a'] = ['1'];
    await bench.build([lazy('a')]).start();
    await expect.poll(() => bench.registry.index(true)).toHaveLength(1);
    bench.source.models['a'] = ['1', '2'];
    bench.source.says = { ...bench.source.says, aliases: { production: '77' } };
    await expect(bench.registry.load('a')).rejects.toThrow('LNMT8310');
    expect([held(), bench.registry.index(false).map(({ version }) => version)]).toEqual([{ 'a/1/0': 1 }, ['1']]);
  });

  it('are made again for files that were fetched anew, and those before them are let go of', async () => {
    bench.source.models['a'] = ['1'];
    await bench.build([lazy('a')]).start();
    await expect.poll(() => bench.registry.index(true)).toHaveLength(1);
    const before = bench.registry.processor('a', '1');
    bench.source.intact = false;
    bench.source.revision = 7;
    expect(values(await infer('1'))).toEqual([1, 1]);
    expect(bench.registry.processor('a', '1')).not.toBe(before);
    expect(held()).toEqual({ 'a/1/7': 1 });
  });

  it('say of an answer what the model said of it', async () => {
    bench.source.models['a'] = ['1'];
    await bench.build([lazy('a')]).start();
    await expect.poll(() => bench.registry.index(true)).toHaveLength(1);
    const core = processingLayer(
      bench.registry,
      steps,
    )(async (call) => ({
      ...(await bench.registry.infer(call.name, call.version, call.request, call.signal)),
      cached: true,
    }));
    const answer = await core(callOf());
    expect([values(answer), answer.cached]).toEqual([[1, 1], true]);
  });

  it('are taken by a request that began before they were known', async () => {
    bench.source.models['a'] = ['1'];
    await bench.build([lazy('a')]).start();
    await expect.poll(() => bench.registry.index(true)).toHaveLength(1);
    const processor = bench.registry.processor('a', '1');
    let known = false;
    const models = { processor: () => (known ? processor : undefined), known: () => ({ name: 'a', version: '1' }) };
    const asked: boolean[] = [];
    const core = processingLayer(
      models,
      steps,
    )(async (call) => {
      asked.push(known);
      known = true;
      return bench.registry.infer(call.name, call.version, call.request, call.signal);
    });
    expect(values(await core(callOf()))).toEqual([1, 1]);
    expect(asked).toEqual([false, true]);
  });
});
