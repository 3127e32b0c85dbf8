import type { ModelSignature } from '../backends/backend';
import { DATATYPE_BYTES, elementCount } from '../tensors/tensor';
import type { Tensor, TensorSpec } from '../tensors/tensor';

const LENGTH_BYTES = 4;

const hasRows = ({ shape }: TensorSpec): boolean => shape !== undefined && shape[0] === -1;

/** True when the first dimension of every input and output is open: without that, rows cannot be put together. */
export function mayBatch({ inputs, outputs }: ModelSignature): boolean {
  return inputs.length > 0 && inputs.every(hasRows) && outputs.every(hasRows);
}

/** Rows of a request: the first dimension, if all inputs have the same. */
export function rowsOf(inputs: readonly Tensor[]): number | undefined {
  const rows = inputs[0]?.shape[0];
  return inputs.every(({ shape }) => shape[0] === rows) ? rows : undefined;
}

/** Requests with the same key differ in the first dimension only, and want the same outputs. */
export function bucketOf(inputs: readonly Tensor[], outputs: readonly string[]): string {
  let key = outputs.join('\n');
  for (const { name, shape } of inputs) {
    key += `\n\n${name}`;
    for (let axis = 1; axis < shape.length; axis++) key += `,${shape[axis]}`;
  }
  return key;
}

/** Puts the tensors of several requests together, row after row. */
export function mergeInputs(requests: readonly (readonly Tensor[])[]): readonly Tensor[] {
  const [first] = requests;
  if (first === undefined || requests.length === 1) return first ?? [];
  return first.map(({ name, datatype, shape }) => {
    const parts = requests.map((inputs) => inputs.find((input) => input.name === name));
    const present = parts.filter((part) => part !== undefined);
    const rows = present.reduce((sum, part) => sum + (part.shape[0] ?? 0), 0);
    return { name, datatype, shape: [rows, ...shape.slice(1)], data: Buffer.concat(present.map(({ data }) => data)) };
  });
}

/** Where each of these runs of elements of a BYTES tensor ends. */
function* textEnds(data: Uint8Array, counts: readonly number[]): Generator<number> {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let offset = 0;
  for (const count of counts) {
    for (let element = 0; element < count; element++) offset += LENGTH_BYTES + view.getUint32(offset, true);
    yield offset;
  }
}

function splitOne(tensor: Tensor, rows: readonly number[]): readonly Tensor[] {
  const { name, datatype, shape, data } = tensor;
  const tail = shape.slice(1);
  const perRow = elementCount(tail);
  const size = DATATYPE_BYTES[datatype];
  const counts = rows.map((count) => count * perRow);
  const ends = size === undefined ? [...textEnds(data, counts)] : undefined;
  let start = 0;
  return rows.map((count, index) => {
    const end = ends?.[index] ?? start + count * perRow * (size ?? 0);
    const part = { name, datatype, shape: [count, ...tail], data: data.subarray(start, end) };
    start = end;
    return part;
  });
}

/**
 * Takes the outputs of a batch apart, without copying.
 *
 * @returns undefined when an output does not have a row for every row of the inputs
 */
export function splitOutputs(
  outputs: readonly Tensor[],
  rows: readonly number[],
): readonly (readonly Tensor[])[] | undefined {
  if (rows.length === 1) return [outputs];
  const all = rows.reduce((sum, count) => sum + count, 0);
  if (outputs.some(({ shape }) => shape[0] !== all)) return undefined;
  const split = outputs.map((tensor) => splitOne(tensor, rows));
  return rows.map((_, index) => split.flatMap((parts) => parts[index] ?? []));
}
