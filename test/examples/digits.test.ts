import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLASSES, DIGITS_MODEL, DIGITS_TENSORS, loadDigits, PIXELS } from '../../examples/quickstart/digits';
import { trainDigits, writeModel } from '../../examples/quickstart/train-digits';
import { MODEL_STORE, modelStorePath } from '../../runtime/contract';
import { OnnxBackend } from '../../runtime/inference/backends/onnx';
import { temporaryFolder } from '../runtime/support/temporary';

const COMMITTED = path.resolve(__dirname, '../../examples/quickstart/models');
const inStore = (store: string, file: string): string =>
  path.join(store, modelStorePath(DIGITS_MODEL.name, DIGITS_MODEL.version, file));

describe('the digits', () => {
  const { train, heldOut } = loadDigits();

  it('are 1,797, every one in exactly one half of the split, each class in both', () => {
    expect([train.length, heldOut.length]).toEqual([1437, 360]);
    for (const half of [train, heldOut]) {
      expect(new Set(half.map(({ label }) => label)).size).toBe(CLASSES);
      expect(
        half.every(({ pixels }) => pixels.length === PIXELS && pixels.every((value) => value >= 0 && value <= 1)),
      ).toBe(true);
    }
  });

  it('carry their attribution', () => {
    const readme = fs.readFileSync(path.resolve(COMMITTED, '../data/README.md'), 'utf8');
    for (const word of ['E. Alpaydin', 'C. Kaynak', 'CC BY 4.0', 'scikit-learn']) expect(readme).toContain(word);
  });

  it('give the committed model, byte for byte, when it is trained again', () => {
    const dir = temporaryFolder();
    writeModel(dir, trainDigits(train));
    for (const file of [MODEL_STORE.manifest, MODEL_STORE.model]) {
      expect(fs.readFileSync(inStore(dir, file)).equals(fs.readFileSync(inStore(COMMITTED, file)))).toBe(true);
    }
    fs.rmSync(dir, { recursive: true });
  });

  it('that the model never saw are recognised by onnxruntime in at least 95 of 100 cases', async () => {
    const backend = new OnnxBackend({ executionProvider: 'cpu', threads: 1 });
    await backend.load(inStore(COMMITTED, MODEL_STORE.model));
    const { input, label, probabilities } = DIGITS_TENSORS;
    const data = new Uint8Array(Float32Array.from(heldOut.flatMap(({ pixels }) => pixels)).buffer);
    const pixels = { name: input, datatype: 'FP32', shape: [heldOut.length, PIXELS], data } as const;
    const [labels, chances] = await backend.run([pixels], [label, probabilities]);
    const predicted = new BigInt64Array(new Uint8Array(labels?.data ?? []).buffer);
    const right = heldOut.filter((digit, index) => BigInt(digit.label) === predicted[index]);
    expect(right.length / heldOut.length).toBeGreaterThanOrEqual(0.95);
    expect(chances?.shape).toEqual([heldOut.length, CLASSES]);
    await backend.close();
  });
});
