import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allFinite } from '../../../../runtime/inference/registry/compare';
import { warmUp } from '../../../../runtime/inference/registry/warm-up';
import type { Answering } from '../../../../runtime/inference/registry/warm-up';
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

describe('a version that takes ten times as long as the one before it, and 200 ms more', () => {
  let clock = 0;
  const now = (): number => clock;
  const x = { name: 'x', datatype: 'FP32', shape: [1, 2], data: new Uint8Array(8) } as const;
  /** A model whose runs take so many milliseconds, the last of them for ever; it counts them. */
  const taking = (...times: readonly number[]): Answering & { runs: number } => ({
    runs: 0,
    async infer() {
      clock += times[Math.min(this.runs++, times.length - 1)] ?? 0;
      return [{ ...x, name: 'y' }];
    },
  });
  const sample = { inputs: [x], outputs: undefined, id: undefined, parameters: {} };

  it.each<[title: string, times: readonly number[], measuredMs: number | undefined, runs: number, refused: boolean]>([
    ['is refused after two runs where nobody measured it', [500], undefined, 2, true],
    ['is refused after one where it was measured to be as slow', [500], 480, 1, true],
    ['is run again where it was measured to be fast', [500, 90], 90, 2, false],
    ['is run again where the first request took long alone', [500, 90], undefined, 2, false],
    ['serves up to that bound', [300], 300, 2, false],
    ['is refused beyond it', [301], 301, 1, true],
  ])('%s', async (_title, times, measuredMs, runs, refused) => {
    const next = taking(...times);
    const outcome = await warmUp(next, [sample], { previous: taking(10), measuredMs, now }).then(
      () => undefined,
      (error: unknown) => String(error),
    );
    expect(next.runs).toBe(runs);
    if (refused)
      expect(outcome).toContain(`it takes ${times[0]} ms for a recorded request, the model before it 10.0 ms`);
    else expect(outcome).toBeUndefined();
  });

  it('is measured against nobody where it is the first', async () => {
    const next = taking(5_000);
    await warmUp(next, [sample], { previous: undefined, measuredMs: 5_000, now });
    expect(next.runs).toBe(2);
  });
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
