import { modelPath } from '../../contract';
import { answerText, ask, jsonOf } from '../http';
import { at, list, text } from '../json';

/** A tensor as the metadata of the protocol describe it; an open size is -1. */
export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

/** What a model takes and gives. */
export interface Signature {
  readonly name: string;
  readonly versions: readonly string[];
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

const tensorOf = (value: unknown): TensorMetadata => ({
  name: text(at(value, 'name')) ?? '',
  datatype: text(at(value, 'datatype')) ?? '',
  shape: list(at(value, 'shape')).map(Number),
});

/** Reads the metadata of a model; undefined for whatever is none. */
function signatureOf(value: unknown): Signature | undefined {
  const name = text(at(value, 'name'));
  const stated = at(value, 'inputs');
  const inputs = list(stated).map(tensorOf);
  if (name === undefined || !Array.isArray(stated) || inputs.some((tensor) => tensor.name === '')) return undefined;
  const versions = list(at(value, 'versions')).map(String);
  return { name, versions, inputs, outputs: list(at(value, 'outputs')).map(tensorOf) };
}

/**
 * Asks a server for the signature of a model.
 *
 * @param version that is meant @default - the one for everybody
 * @throws Error for whatever is no answer with metadata, with what it is
 */
export async function askSignature(
  base: string,
  name: string,
  headers: Readonly<Record<string, string>>,
  version?: string,
): Promise<Signature> {
  const answer = await ask(base + modelPath(name, version), { headers });
  const signature = answer.status === 200 ? signatureOf(jsonOf(answer)) : undefined;
  if (signature === undefined) throw new Error(answerText(answer));
  return signature;
}

/** `x FP32[?, 784]`. */
export function describeTensor({ name, datatype, shape }: TensorMetadata): string {
  return `${name} ${datatype}[${shape.map((size) => (size < 0 ? '?' : size)).join(', ')}]`;
}
