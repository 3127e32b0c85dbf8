import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allFinite } from '../../../../runtime/inference/registry/compare';
import type { TensorSpec } from '../../../../runtime/inference/tensors/tensor';
import { packFloats } from '../../../../runtime/inference/tensors/values';
import type { FakeBackend } from '../../support/fake-backend';
import { turnsOf } from '../../support/loop-turns';
import { pinned, RegistryBench } from '../../support/registry-bench';
import { DEMO_REQUEST } from '../../support/server';
import { temporaryFolder } from '../../support/temporary';

const LEFT_OUT = 'recorded requests do not fit the new signature and are left out of the warm-up';

/** A backend whose model takes this. */
const taking =
  (...inputs: readonly TensorSpec[]) =>
  (backend: FakeBackend): void => {
    const load = backend.load.bind(backend);
    backend.load = async (file) => ({ ...(await load(file)), inputs });
  };

describe('an answer', () => {
  it.each(['FP16', 'FP32', 'FP64'] as const)(
    'of %s is looked at for NaN and infinity to its end, while others are answered',
    async (datatype) => {
      const values = new Float64Array(100_000).fill(1.5);
      const isFinite = (): Promise<boolean> =>
        allFinite([{ name: 'y', datatype, shape: [values.length], data: packFloats(datatype, values) }]);
      expect(await isFinite()).toBe(true);
      expect(await turnsOf(isFinite)).toBeGreaterThan(10);
      for (const [place, value] of [
        [50_000, -Infinity],
        [99_999, Number.NaN],
      ] as const) {
        values[place] = value;
        expect(await isFinite()).toBe(false);
        values[place] = 1.5;
      }
    },
  );
});

describe('the warm-up of a version that takes over from one that has answered', () => {
  let bench: RegistryBench;
  let dir: string;

  beforeEach(async () => {
    dir = temporaryFolder();
    bench = new RegistryBench();
    await bench.build([pinned('a')]).start();
    for (const rows of [1, 1, 2]) {
      const x = { name: 'x', datatype: 'FP32', shape: [rows, 2], data: new Uint8Array(8 * rows) } as const;
      await bench.infer('a', undefined, { inputs: [x] });
    }
    bench.source.models['a'] = ['11'];
  });

  afterEach(async () => {
    await bench.registry.close();
    fs.rmSync(dir, { recursive: true });
  });

  it.each<[string, TensorSpec]>([
    ['name', { name: 'z', datatype: 'FP32', shape: [-1, 2] }],
    ['datatype', { name: 'x', datatype: 'FP64', shape: [-1, 2] }],
    ['shape', { name: 'x', datatype: 'FP32', shape: [-1, 3] }],
  ])('leaves out requests of another signature: another %s', async (_title, input) => {
    bench.prepare = taking(input);
    await bench.registry.load('a');
    expect([bench.registry.describe('a', undefined).versions, bench.backends[1]?.runs]).toEqual([['11'], 0]);
    expect(bench.said(LEFT_OUT)).toMatchObject([{ name: 'a', version: '11', leftOut: 3, of: 3 }]);
    // Nor are they kept for the version after that.
    bench.source.models['a'] = ['12'];
    await bench.registry.load('a');
    expect(bench.said(LEFT_OUT)).toHaveLength(1);
  });

  it('runs those that fit, and says nothing where all do', async () => {
    bench.prepare = taking({ name: 'x', datatype: 'FP32', shape: [1, 2] });
    await bench.registry.load('a');
    expect([bench.backends[1]?.runs, bench.said(LEFT_OUT)]).toMatchObject([4, [{ leftOut: 1, of: 3 }]]);
    bench.source.models['a'] = ['12'];
    await bench.registry.load('a');
    expect([bench.backends[2]?.runs, bench.said(LEFT_OUT)]).toMatchObject([4, [{}]]);
  });

  it('leaves it to the golden answers whether a version of another signature serves', async () => {
    const file = path.join(dir, 'golden.json');
    const inputs = DEMO_REQUEST.inputs.map((tensor) => ({ ...tensor, name: 'z' }));
    const outputs = [{ name: 'y', datatype: 'FP32', shape: [1, 2], data: [1, 9] }];
    fs.writeFileSync(file, JSON.stringify({ cases: [{ inputs, outputs }] }));
    bench.source.golden = file;
    bench.prepare = taking({ name: 'z', datatype: 'FP32', shape: [-1, 2] });
    await expect(bench.registry.load('a')).rejects.toThrow('LNMT8307');
    expect([await bench.infer('a'), bench.backends[1]?.up]).toEqual(['a/10', false]);
    fs.writeFileSync(file, JSON.stringify({ cases: [{ inputs, outputs: [{ ...outputs[0], data: [1, 2.5] }] }] }));
    await bench.registry.load('a');
    expect(bench.registry.describe('a', undefined).versions).toEqual(['11']);
  });
});
