import { RewriteError } from './errors';
import type { OnnxModel } from './model';
import { changedValue } from './value';
import type { Dimension, Value } from './value';

/** Sizes that the inputs and outputs shall have. */
export interface DimensionOptions {
  /** Number of rows, or the name of an open one. @default - as it is */
  readonly batch?: number | string;
  /** Sizes by the name that they have in the model. @default - as they are */
  readonly sizes?: Readonly<Record<string, number>>;
}

function batchOf({ inputs }: OnnxModel['graph']): Dimension {
  const first = inputs.find(({ shape }) => shape !== undefined && shape.length > 0);
  if (first?.shape === undefined) throw new RewriteError('unusable', 'no input has a dimension for the batch');
  return first.shape[0];
}

/**
 * States other sizes for inputs and outputs. The batch is the first dimension of the first input, and of all inputs
 * and outputs that have the same one. Returns how many values were changed.
 *
 * @throws RewriteError for names that the model does not have
 */
export function setDimensions(model: OnnxModel, { batch, sizes = {} }: DimensionOptions): number {
  const { graph } = model;
  const all = [...graph.inputs, ...graph.outputs];
  const known = new Set(all.flatMap(({ shape }) => shape ?? []).filter((size) => typeof size === 'string'));
  const unknown = Object.keys(sizes).find((name) => !known.has(name));
  if (unknown !== undefined) {
    const names = [...known].join(', ') || 'none';
    throw new RewriteError(
      'unusable',
      `no input or output has the dimension ${JSON.stringify(unknown)}; open ones: ${names}`,
    );
  }
  const rows = batch === undefined ? undefined : batchOf(graph);
  let changed = 0;
  const apply = (value: Value): Value => {
    const shape = value.shape?.map((size, index) => {
      if (batch !== undefined && index === 0 && size === rows) return batch;
      return typeof size === 'string' && Object.hasOwn(sizes, size) ? sizes[size] : size;
    });
    if (shape === undefined || shape.every((size, index) => size === value.shape?.[index])) return value;
    changed += 1;
    return changedValue(value, { shape });
  };
  graph.inputs = graph.inputs.map(apply);
  graph.outputs = graph.outputs.map(apply);
  if (changed > 0) {
    // What is said of the values between may no longer be true; onnxruntime finds it anew.
    graph.infos = [];
    graph.touched = true;
  }
  return changed;
}
