import { toHalf, viewBytes } from '../../inference/rewriter/elements';
import type { Tensor, TensorSpec } from '../../inference/tensors/tensor';
import { elementCount } from '../../inference/tensors/tensor';

/** One request to a model, with what the right answer is where that is known. */
export interface Sample {
  readonly inputs: readonly Tensor[];
  /** The class of each row. @default - not known */
  readonly labels?: readonly number[];
}

/** What is wrong with a sample for a model; undefined when it fits. */
export function misfit({ inputs }: Sample, wanted: readonly TensorSpec[]): string | undefined {
  for (const { name, datatype, shape } of wanted) {
    const tensor = inputs.find((each) => each.name === name);
    if (tensor === undefined) return `input ${JSON.stringify(name)} is missing`;
    if (tensor.datatype !== datatype) return `input ${JSON.stringify(name)} is ${tensor.datatype}, not ${datatype}`;
    const fits =
      shape === undefined ||
      (shape.length === tensor.shape.length && shape.every((size, at) => size < 0 || size === tensor.shape[at]));
    if (!fits) return `input ${JSON.stringify(name)} has shape [${tensor.shape.join()}], not [${shape.join()}]`;
  }
  const extra = inputs.find(({ name }) => !wanted.some((spec) => spec.name === name));
  return extra && `the model has no input ${JSON.stringify(extra.name)}`;
}

/** The sample as another model takes it: floats become FP16 where that model wants them so. */
export function fitted({ inputs }: Sample, wanted: readonly TensorSpec[]): readonly Tensor[] {
  return inputs.map((tensor) => {
    const spec = wanted.find(({ name }) => name === tensor.name);
    if (tensor.datatype !== 'FP32' || spec?.datatype !== 'FP16') return tensor;
    const { buffer, byteOffset, byteLength } = Uint8Array.from(tensor.data);
    const floats = new Float32Array(buffer, byteOffset, byteLength / 4);
    return { ...tensor, datatype: 'FP16', data: viewBytes(toHalf(floats, { clamped: 0, raised: 0 })) };
  });
}

/** Rows of a sample: the first dimension of its first input that has one. */
export const rowsOf = ({ inputs }: Sample): number => inputs.find(({ shape }) => shape.length > 0)?.shape[0] ?? 1;

/** Bytes of one row. */
const rowBytes = ({ data, shape }: Tensor): number => data.byteLength / Math.max(1, shape[0] ?? 1);

/** Rows in each sample that is cut out of many, where the model leaves their number open. */
const ROWS = 16;

/**
 * Cuts tensors of many rows into samples: of as many rows as the model states, without those that are left over, or of
 * some each.
 */
export function cut(
  inputs: readonly Tensor[],
  labels: readonly number[] | undefined,
  wanted: readonly TensorSpec[],
): Sample[] {
  const stated = wanted.map(({ shape }) => shape?.[0]).find((size) => size !== undefined && size > 0);
  const rows = stated ?? ROWS;
  const all = inputs[0]?.shape[0] ?? 0;
  const samples: Sample[] = [];
  for (let from = 0; from < all; from += rows) {
    const to = Math.min(all, from + rows);
    if (stated !== undefined && to - from < rows) break;
    const part = inputs.map((tensor) => {
      const width = rowBytes(tensor);
      const data = tensor.data.subarray(from * width, to * width);
      return { ...tensor, shape: [to - from, ...tensor.shape.slice(1)], data };
    });
    samples.push({ inputs: part, ...(labels ? { labels: labels.slice(from, to) } : {}) });
  }
  return samples;
}

/** Number of elements of one row of an input; undefined when the model leaves it open. */
export function widthOf({ shape }: TensorSpec): number | undefined {
  const inner = shape?.slice(1);
  return inner === undefined || inner.some((size) => size < 0) ? undefined : elementCount(inner);
}
