import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../../runtime/inference/inspector/byte-source';
import { InspectionError } from '../../../../runtime/inference/inspector';
import { inspectOnnx } from '../../../../runtime/inference/inspector/inspect';
import { identityModel, loopModel, pickyModel } from '../../support/models';
import { graph, int64s, model, node, tensor, tensorType, TYPE, value } from '../../support/onnx-bytes';
import type { Field } from '../../support/onnx-bytes';

const DIGITS = path.resolve(__dirname, '../../../../examples/quickstart/models/digits/3/model.onnx');
const SEEDS = [
  identityModel('FP32'),
  loopModel(),
  pickyModel(),
  ...(fs.existsSync(DIGITS) ? [fs.readFileSync(DIGITS)] : []),
];
const SLOW_MS = 1_000;

/** True when the model is taken, false when it is refused; anything else is a fault of the inspector. */
function survives(bytes: Uint8Array): boolean {
  const started = performance.now();
  try {
    inspectOnnx(new MemorySource(bytes));
    return true;
  } catch (error) {
    if (!(error instanceof InspectionError)) throw error;
    return false;
  } finally {
    expect(performance.now() - started).toBeLessThan(SLOW_MS);
  }
}

describe('whatever bytes it is given, the inspector', () => {
  it('answers or refuses in time, for models with changed, lost and added bytes', () => {
    const change = fc.record({ at: fc.nat(), byte: fc.nat(255), kind: fc.constantFrom('set', 'cut', 'add', 'repeat') });
    fc.assert(
      fc.property(fc.constantFrom(...SEEDS), fc.array(change, { minLength: 1, maxLength: 8 }), (seed, changes) => {
        let bytes = Buffer.from(seed);
        for (const { at, byte, kind } of changes) {
          const index = at % (bytes.length + 1);
          const [head, tail] = [bytes.subarray(0, index), bytes.subarray(index)];
          if (kind === 'set') bytes = Buffer.concat([head, Buffer.from([byte]), tail.subarray(1)]);
          else if (kind === 'cut') bytes = Buffer.concat([head, tail.subarray(1 + (byte % 16))]);
          else if (kind === 'add') bytes = Buffer.concat([head, Buffer.alloc(1 + (byte % 16), byte), tail]);
          else bytes = Buffer.concat([bytes, tail.subarray(0, byte)]);
        }
        survives(bytes);
      }),
      { numRuns: 3_000 },
    );
  });

  it('answers or refuses in time, for bytes of chance', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 512 }), (bytes) => void survives(bytes)),
      { numRuns: 3_000 },
    );
  });

  it('refuses every beginning of a model', () => {
    for (const seed of SEEDS) {
      for (let length = 0; length < Math.min(seed.length, 2_000); length += 1) {
        // A model ends with its operator sets; only the whole of it may be taken.
        expect(survives(seed.subarray(0, length))).toBe(false);
      }
    }
  });

  it('never takes a custom operator, wherever it stands', () => {
    const evil = node('Run', ['x'], ['z'], [], [[7, 'evil']]);
    const wrap = (inner: readonly Field[], kind: number): readonly Field[] => {
      const body = graph({ nodes: [inner] });
      if (kind === 0)
        return node(
          'If',
          ['c'],
          ['y'],
          [
            [
              [1, 'then_branch'],
              [6, body],
            ],
          ],
        );
      if (kind === 1)
        return node(
          'Scan',
          ['x'],
          ['y'],
          [
            [
              [1, 'body'],
              [6, body],
            ],
          ],
        );
      return node(
        'Custom',
        ['x'],
        ['y'],
        [
          [
            [1, 'branches'],
            [11, body],
          ],
        ],
      );
    };
    fc.assert(
      fc.property(fc.array(fc.nat(2), { maxLength: 10 }), fc.nat(5), (kinds, harmless) => {
        const inner = kinds.reduce<readonly Field[]>(wrap, evil);
        const nodes = [...Array.from({ length: harmless }, () => node('Relu', ['x'], ['r'])), inner];
        expect(survives(model({ nodes }))).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('takes a constant exactly when it has as many values as its shape', () => {
    const dims = fc.array(fc.nat(6), { maxLength: 5 });
    fc.assert(
      fc.property(dims, fc.nat(20_000), (shape, bytes) => {
        const elements = shape.reduce((all, size) => all * size, 1);
        const constants = [tensor('w', TYPE.float, shape, [[9, new Uint8Array(bytes)]])];
        expect(survives(model({ constants }))).toBe(bytes === 4 * elements);
        const exact = [tensor('w', TYPE.float, shape, [[9, new Uint8Array(4 * elements)]])];
        expect(survives(model({ constants: exact }))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('refuses a constant shape exactly when it has too many elements', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt(1n, 2n ** 40n), { minLength: 1, maxLength: 6 }), (shape) => {
        const elements = shape.reduce((all, size) => all * size, 1n);
        const outputs = [value('y', tensorType(TYPE.float))];
        const nodes = [node('ConstantOfShape', ['s'], ['y'])];
        const fits = elements <= 2n ** 28n;
        expect(survives(model({ constants: [int64s('s', shape)], nodes, outputs }))).toBe(fits);
      }),
      { numRuns: 300 },
    );
  });
});
