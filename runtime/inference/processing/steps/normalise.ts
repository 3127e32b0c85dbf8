import type { Tensor, TensorSpec } from '../../tensors/tensor';
import { invalidProcessing } from '../errors';
import { elementsOf, isFloat, packFloats, roomFor } from '../../tensors/values';
import type { FloatType } from '../../tensors/values';
import type { Step } from '../step';
import type { NormaliseSettings } from '../step-settings';

interface Layout {
  /** Elements between two of the same channel and place. */
  readonly inner: number;
  readonly channels: number;
}

function layoutOf(shape: readonly number[], axis: number): Layout {
  const channels = shape[axis] ?? 1;
  return { channels, inner: shape.slice(axis + 1).reduce((product, size) => product * size, 1) };
}

function normalised(tensor: Tensor, datatype: FloatType, settings: NormaliseSettings): Uint8Array {
  const { scale, mean = [0], std = [1], axis } = settings;
  const { inner, channels } = layoutOf(tensor.shape, axis);
  const values = elementsOf(tensor);
  const result = roomFor(datatype, values.length);
  for (let index = 0; index < values.length; index++) {
    const channel = Math.floor(index / inner) % channels;
    const centre = mean[mean.length === 1 ? 0 : channel] ?? 0;
    const spread = std[std.length === 1 ? 0 : channel] ?? 1;
    result[index] = (Number(values[index]) * scale - centre) / spread;
  }
  return packFloats(datatype, result);
}

/** Scales numbers: `(x · scale − mean) / std`, with a mean and a deviation for each channel. @throws ModelError */
export function normaliseStep(settings: NormaliseSettings, needed: ReadonlyMap<string, TensorSpec>): Step {
  const { tensor: name, from, axis, mean, std } = settings;
  const spec = needed.get(name);
  if (spec === undefined) throw invalidProcessing(`nobody takes ${JSON.stringify(name)}`);
  const { datatype, shape } = spec;
  if (!isFloat(datatype)) throw invalidProcessing(`${JSON.stringify(name)} is ${datatype}, which holds no fractions`);
  const channels = shape?.[axis] ?? -1;
  const lists = [mean, std].filter((list) => list !== undefined && list.length !== 1);
  if (lists.length > 0 && shape !== undefined && axis >= shape.length) {
    throw invalidProcessing(`${JSON.stringify(name)} has no axis ${axis}`);
  }
  const count = lists[0]?.length ?? 1;
  if (lists.some((list) => list?.length !== count || (channels !== -1 && list.length !== channels))) {
    throw invalidProcessing(`mean and std have not one number for each of the ${channels} channels`);
  }
  return {
    ...{ label: 'normalise', keeps: false, outputs: [spec] },
    inputs: [{ ...spec, datatype: from ?? datatype }],
    run: (tensors) => tensors.map((each) => ({ ...each, datatype, data: normalised(each, datatype, settings) })),
  };
}
