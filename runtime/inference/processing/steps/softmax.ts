import type { Tensor, TensorSpec } from '../../tensors/tensor';
import { invalidProcessing } from '../errors';
import { elementsOf, isFloat, packFloats, roomFor } from '../../tensors/values';
import type { FloatType } from '../../tensors/values';
import type { Step } from '../step';
import type { SoftmaxSettings } from '../step-settings';

function shares(tensor: Tensor, datatype: FloatType): Uint8Array {
  const size = tensor.shape.at(-1) ?? 1;
  const scores = elementsOf(tensor);
  const result = roomFor(datatype, scores.length);
  for (let start = 0; start < scores.length; start += size) {
    let most = Number.NEGATIVE_INFINITY;
    for (let index = start; index < start + size; index++) most = Math.max(most, Number(scores[index]));
    let sum = 0;
    for (let index = start; index < start + size; index++) sum += Math.exp(Number(scores[index]) - most);
    for (let index = start; index < start + size; index++) {
      result[index] = Math.exp(Number(scores[index]) - most) / sum;
    }
  }
  return packFloats(datatype, result);
}

/** Turns scores into shares of 1, along the last axis. @throws ModelError */
export function softmaxStep(settings: SoftmaxSettings, given: ReadonlyMap<string, TensorSpec>): Step {
  const { tensor: name, as = name } = settings;
  const spec = given.get(name);
  if (spec === undefined) throw invalidProcessing(`nobody gives ${JSON.stringify(name)}`);
  const { datatype } = spec;
  if (!isFloat(datatype)) throw invalidProcessing(`${JSON.stringify(name)} is ${datatype}, which holds no fractions`);
  return {
    ...{ label: 'softmax', keeps: false, inputs: [spec], outputs: [{ ...spec, name: as }] },
    run: (tensors) => tensors.map((each) => ({ ...each, name: as, data: shares(each, datatype) })),
  };
}
