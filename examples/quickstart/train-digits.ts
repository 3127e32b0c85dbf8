import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { MODEL_STORE, modelStorePath, renderModelManifest } from '../../runtime/contract';
import { CLASSES, DIGITS_MODEL, DIGITS_TENSORS, loadDigits, PIXELS } from './digits';
import type { Digit } from './digits';
import { train } from './network';
import type { Network } from './network';
import { ElementType, floats, writeOnnx } from './onnx';

export { DIGITS_MODEL, DIGITS_TENSORS } from './digits';

const OPTIONS = { hidden: 32, epochs: 60, batch: 16, learningRate: 1, seed: 3 } as const;

/** Weights are kept to this fraction, so that a last-bit difference in `Math.exp` between engines leaves no trace. */
const WEIGHT_STEP = 2 ** -10;

function constant(name: string, shape: readonly number[], weights: Float64Array): ReturnType<typeof floats> {
  return floats(
    name,
    shape,
    Array.from(weights, (weight) => Math.round(weight / WEIGHT_STEP) * WEIGHT_STEP),
  );
}

/** The network as an ONNX graph: brightness in, label and probabilities out, any batch size. */
export function toOnnx({ hidden, w1, b1, w2, b2 }: Network): Uint8Array {
  const { input, label, probabilities } = DIGITS_TENSORS;
  return writeOnnx(
    {
      name: DIGITS_MODEL.name,
      inputs: [{ name: input, type: ElementType.FLOAT, shape: ['batch', PIXELS] }],
      outputs: [
        { name: label, type: ElementType.INT64, shape: ['batch'] },
        { name: probabilities, type: ElementType.FLOAT, shape: ['batch', CLASSES] },
      ],
      constants: [
        constant('w1', [PIXELS, hidden], w1),
        constant('b1', [hidden], b1),
        constant('w2', [hidden, CLASSES], w2),
        constant('b2', [CLASSES], b2),
      ],
      nodes: [
        { op: 'Gemm', inputs: [input, 'w1', 'b1'], outputs: ['sums'] },
        { op: 'Relu', inputs: ['sums'], outputs: ['activity'] },
        { op: 'Gemm', inputs: ['activity', 'w2', 'b2'], outputs: ['logits'] },
        { op: 'Softmax', inputs: ['logits'], outputs: [probabilities], attributes: { axis: 1 } },
        { op: 'ArgMax', inputs: ['logits'], outputs: [label], attributes: { axis: 1, keepdims: 0 } },
      ],
    },
    'lnmt-quickstart',
  );
}

/** Trains on these digits and gives the bytes of the model. */
export function trainDigits(digits: readonly Digit[]): Uint8Array {
  return toOnnx(train(digits, OPTIONS));
}

/** Writes a model and its manifest into a store in a folder. */
export function writeModel(storeDir: string, model: Uint8Array): void {
  const { name, version } = DIGITS_MODEL;
  const at = (file: string): string => path.join(storeDir, modelStorePath(name, version, file));
  const sha256 = createHash('sha256').update(model).digest('hex');
  fs.mkdirSync(path.dirname(at(MODEL_STORE.model)), { recursive: true });
  fs.writeFileSync(at(MODEL_STORE.model), model);
  const files = [{ path: MODEL_STORE.model, sha256, bytes: model.byteLength }];
  fs.writeFileSync(at(MODEL_STORE.manifest), renderModelManifest(files));
}

if (require.main === module) {
  writeModel(path.join(__dirname, 'models'), trainDigits(loadDigits().train));
}
