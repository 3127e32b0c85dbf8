import type { ModelSignature } from './backends/backend';
import { invalidRequest, signatureMismatch } from './errors';
import { firstNotUtf8, firstWithNul } from './tensors/bytes';
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

/** Models see texts as such, and native code does with other bytes as it likes. */
function checkTexts({ name, data }: Tensor): void {
  const element = firstNotUtf8(data);
  if (element >= 0) throw invalidRequest(`input ${quote(name)}: element ${element} is not UTF-8`);
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

/** Holds the texts that a model is given to UTF-8. @throws RequestError that names the first other element */
export function checkTextInputs(inputs: readonly Tensor[]): void {
  for (const tensor of inputs) if (tensor.datatype === 'BYTES') checkTexts(tensor);
}

/** The same for onnxruntime, which ends a text at a byte 0 without a word. @throws RequestError that names the element */
export function checkModelTexts(inputs: readonly Tensor[]): void {
  checkTextInputs(inputs);
  for (const { name, datatype, data } of inputs) {
    const element = datatype === 'BYTES' ? firstWithNul(data) : -1;
    if (element >= 0) throw invalidRequest(`input ${quote(name)}: element ${element} has a byte 0, which ends a text`);
  }
}

/**
 * Holds a request to the signature of its model, or of the steps before it.
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
