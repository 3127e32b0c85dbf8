import { modelPath } from '../../contract';
import { ask, jsonOf } from '../http';
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
  const inputs = list(at(value, 'inputs')).map(tensorOf);
  if (name === undefined || inputs.length === 0 || inputs.some((tensor) => tensor.name === '')) return undefined;
  const versions = list(at(value, 'versions')).map(String);
  return { name, versions, inputs, outputs: list(at(value, 'outputs')).map(tensorOf) };
}

/**
 * Asks a server for the signature of a model; undefined when it does not say.
 *
 * @param version that is meant @default - the one for everybody
 */
export async function askSignature(
  base: string,
  name: string,
  headers: Readonly<Record<string, string>>,
  version?: string,
): Promise<Signature | undefined> {
  const answer = await ask(base + modelPath(name, version), { headers }).catch(() => undefined);
  return answer?.status === 200 ? signatureOf(jsonOf(answer)) : undefined;
}

/** `x FP32[?, 784]`. */
export function describeTensor({ name, datatype, shape }: TensorMetadata): string {
  return `${name} ${datatype}[${shape.map((size) => (size < 0 ? '?' : size)).join(', ')}]`;
}
