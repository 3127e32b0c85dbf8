import { createHash } from 'node:crypto';
import type { InferenceRequest } from '../tensors/request';
import type { Tensor } from '../tensors/tensor';
import { SERVER_VERSION } from '../version';

/** What an answer depends on. */
export interface KeyParts {
  readonly model: string;
  readonly version: string;
  /** Identity of the files of the model. */
  readonly digest: string;
  /** Who shares answers; undefined where all do. */
  readonly tenant: string | undefined;
  readonly request: Pick<InferenceRequest, 'inputs' | 'outputs'>;
}

/** Form of keys and entries, and who computes; another one reads nothing that this one wrote. */
const ORIGIN = [1, SERVER_VERSION] as const;

const byName = (a: Tensor, b: Tensor): number => (a.name < b.name ? -1 : Number(a.name > b.name));

/**
 * The key of an answer: SHA-256, in hexadecimal, over everything that it depends on. What is hashed can be read in one
 * way only: a list in JSON that says how long each tensor is, and then the tensors.
 */
export function keyOf({ model, version, digest, tenant, request }: KeyParts): string {
  const inputs = [...request.inputs].sort(byName);
  const heads = inputs.map(({ name, datatype, shape, data }) => [name, datatype, shape, data.byteLength]);
  const hash = createHash('sha256');
  hash.update(JSON.stringify([ORIGIN, model, version, digest, tenant ?? null, request.outputs ?? null, heads]));
  for (const { data } of inputs) hash.update(data);
  return hash.digest('hex');
}
