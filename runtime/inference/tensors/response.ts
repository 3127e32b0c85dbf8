import type { Cancellation } from '../../shared/cancellation';
import { answerTooLong } from '../errors';
import { writeParts } from './parts';
import type { OutputForm } from './request';
import { SLICE } from './slices';
import { elementCount } from './tensor';
import type { Tensor } from './tensor';
import { elementsParts, elementsText, leastTextBytes, MAX_TEXT_BYTES } from './text';

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

/** What stands before and after the tensors. */
function frameOf({ modelName, modelVersion, id }: ResponseHead): readonly [string, string] {
  const fields = JSON.stringify({ model_name: modelName, model_version: modelVersion, id });
  return [`${fields.slice(0, -1)},"outputs":[`, ']}'];
}

function document(head: ResponseHead, tensors: readonly string[]): string {
  const [before, after] = frameOf(head);
  return `${before}${tensors.join(',')}${after}`;
}

/**
 * Writes an Open Inference Protocol response with JSON tensors. By hand, because `JSON.stringify` cannot write 64-bit
 * integers.
 */
export function writeResponse(head: ResponseHead, outputs: readonly Tensor[]): string {
  return document(head, outputs.map(withData));
}

const isBinaryIn =
  ({ byName, binary }: OutputForm) =>
  ({ name }: Tensor): boolean =>
    byName.get(name) ?? binary;

/** Writes the answer to a request in the form that it asks for. @throws RequestError (413) where it is too long as text */
export function writeAnswer(head: ResponseHead, outputs: readonly Tensor[], form: OutputForm): HttpAnswer {
  const isBinary = isBinaryIn(form);
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

const textBytes = (outputs: readonly Tensor[], form: OutputForm): number => {
  const isBinary = isBinaryIn(form);
  return outputs.reduce((sum, tensor) => sum + (isBinary(tensor) ? 0 : leastTextBytes(tensor)), 0);
};

/** True for an answer that {@link writeLongAnswer} should write: others would wait for it. */
export function isLongAnswer(outputs: readonly Tensor[], form: OutputForm): boolean {
  const isBinary = isBinaryIn(form);
  let [count, bytes] = [0, 0];
  for (const tensor of outputs) {
    if (isBinary(tensor)) continue;
    count += elementCount(tensor.shape);
    // Texts take their time by their bytes, too.
    if (tensor.datatype === 'BYTES') bytes += tensor.data.byteLength;
  }
  return count > SLICE.count || bytes > SLICE.bytes;
}

function* partsOf(head: ResponseHead, outputs: readonly Tensor[], form: OutputForm): Generator<string> {
  const isBinary = isBinaryIn(form);
  const [before, after] = frameOf(head);
  yield before;
  for (const [index, tensor] of outputs.entries()) {
    if (index > 0) yield ',';
    if (isBinary(tensor)) yield withSize(tensor);
    else {
      yield `${headOf(tensor)},"data":`;
      yield* elementsParts(tensor);
      yield '}';
    }
  }
  yield after;
}

/**
 * Writes the same answer in parts, between which the event loop turns.
 *
 * @throws RequestError (413) where it is too long as text, and 499 when the client left meanwhile
 */
export async function writeLongAnswer(
  head: ResponseHead,
  outputs: readonly Tensor[],
  form: OutputForm,
  signal: Pick<Cancellation, 'aborted'>,
): Promise<HttpAnswer> {
  if (textBytes(outputs, form) > MAX_TEXT_BYTES) throw answerTooLong(MAX_TEXT_BYTES);
  const slices = await writeParts(partsOf(head, outputs, form), { signal });
  const headerBytes = slices.reduce((sum, { length }) => sum + length, 0);
  const binary = outputs.filter(isBinaryIn(form));
  const body = Buffer.concat([...slices, ...binary.map(({ data }) => data)]);
  return { body, headerBytes: binary.length === 0 ? undefined : headerBytes };
}
