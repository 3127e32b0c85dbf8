import type { ModelSignature } from './backends/backend';
import { signatureMismatch } from './errors';
import type { Tensor, TensorSpec } from './tensors/tensor';

const quote = (name: string): string => JSON.stringify(name);

function checkShape(tensor: Tensor, expected: readonly number[]): void {
  const fits =
    tensor.shape.length === expected.length &&
    expected.every((size, axis) => size === -1 || size === tensor.shape[axis]);
  if (fits) return;
  const shapes = `got [${tensor.shape.join(',')}]; the model takes [${expected.join(',')}]`;
  throw signatureMismatch(`input ${quote(tensor.name)}: shape ${shapes}`);
}

function checkInput(tensor: Tensor | undefined, spec: TensorSpec): void {
  if (tensor === undefined) throw signatureMismatch(`input ${quote(spec.name)} is missing`);
  if (tensor.datatype !== spec.datatype) {
    throw signatureMismatch(
      `input ${quote(spec.name)}: datatype got ${tensor.datatype}; the model takes ${spec.datatype}`,
    );
  }
  if (spec.shape !== undefined) checkShape(tensor, spec.shape);
}

/**
 * Holds a request to the signature of its model.
 *
 * @throws RequestError that names the tensor, what it is and what the model takes
 */
export function checkInputs(inputs: readonly Tensor[], signature: ModelSignature): void {
  const names = signature.inputs.map(({ name }) => name);
  const stranger = inputs.find(({ name }) => !names.includes(name));
  if (stranger) {
    throw signatureMismatch(`input ${quote(stranger.name)} is unknown; the model takes ${names.map(quote).join(', ')}`);
  }
  for (const spec of signature.inputs)
    checkInput(
      inputs.find(({ name }) => name === spec.name),
      spec,
    );
}

/** The outputs to compute: those that were asked for, or all. */
export function chooseOutputs(wanted: readonly string[] | undefined, signature: ModelSignature): readonly string[] {
  const names = signature.outputs.map(({ name }) => name);
  const stranger = wanted?.find((name) => !names.includes(name));
  if (stranger !== undefined) {
    throw signatureMismatch(`output ${quote(stranger)} is unknown; the model gives ${names.map(quote).join(', ')}`);
  }
  return wanted ?? names;
}
