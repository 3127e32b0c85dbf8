import { createHash, randomBytes } from 'node:crypto';
import type { Scope } from '../shared/api-keys';

/** Long enough that nobody finds it by trying, so that a plain hash protects it. */
const KEY_BYTES = 32;

/** A new API key and its entry in the key file, which holds only the hash. */
export function newKey(
  id: string,
  scopes: readonly Scope[],
  rest: { readonly expires?: string } = {},
): { readonly key: string; readonly entry: object } {
  const key = `lnmt_${randomBytes(KEY_BYTES).toString('base64url')}`;
  return { key, entry: { id, sha256: createHash('sha256').update(key).digest('hex'), scopes, ...rest } };
}
