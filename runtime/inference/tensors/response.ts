import type { OutputForm } from './request';
import { elementsText } from './text';
import type { Tensor } from './tensor';

/** What an answer says beside its tensors. */
export interface ResponseHead {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id: string | undefined;
}

/** An answer as it goes over HTTP. */
export interface HttpAnswer {
  readonly body: string | Buffer;
  /** Bytes of the JSON part of a body that has binary tensors after it. */
  readonly headerBytes: number | undefined;
}

function headOf({ name, datatype, shape }: Tensor): string {
  return `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join(',')}]`;
}

const withData = (tensor: Tensor): string => `${headOf(tensor)},"data":${elementsText(tensor)}}`;

const withSize = (tensor: Tensor): string =>
  `${headOf(tensor)},"parameters":{"binary_data_size":${tensor.data.byteLength}}}`;

function document({ modelName, modelVersion, id }: ResponseHead, tensors: readonly string[]): string {
  const fields = JSON.stringify({ model_name: modelName, model_version: modelVersion, id });
  return `${fields.slice(0, -1)},"outputs":[${tensors.join(',')}]}`;
}

/**
 * Writes an Open Inference Protocol response with JSON tensors. By hand, because `JSON.stringify` cannot write 64-bit
 * integers.
 */
export function writeResponse(head: ResponseHead, outputs: readonly Tensor[]): string {
  return document(head, outputs.map(withData));
}

/** Writes the answer to a request in the form that it asks for. */
export function writeAnswer(head: ResponseHead, outputs: readonly Tensor[], form: OutputForm): HttpAnswer {
  const isBinary = ({ name }: Tensor): boolean => form.byName.get(name) ?? form.binary;
  const binary = outputs.filter(isBinary);
  if (binary.length === 0) return { body: writeResponse(head, outputs), headerBytes: undefined };
  const text = document(
    head,
    outputs.map((tensor) => (isBinary(tensor) ? withSize(tensor) : withData(tensor))),
  );
  const headerBytes = Buffer.byteLength(text);
  const body = Buffer.allocUnsafe(binary.reduce((sum, { data }) => sum + data.byteLength, headerBytes));
  body.write(text, 'utf8');
  let offset = headerBytes;
  for (const { data } of binary) {
    body.set(data, offset);
    offset += data.byteLength;
  }
  return { body, headerBytes };
}
