import { reasonMissing } from './errors';
import type { SecretReference } from './secret-reference';

/** How callers of an endpoint prove who they are. There is no silent default: an exposed server without one refuses to start. */
export class Auth {
  /**
   * API keys. The secret holds a JSON document with hashed keys under the contract's `API_KEYS_FILE`; the server re-reads it
   * when it changes.
   */
  static apiKeys(secret: SecretReference): Auth {
    return new Auth('api-keys', secret, undefined);
  }

  /** Anyone who reaches the endpoint may use it. @throws LNMT3010 for an empty reason */
  static none(options: { readonly reason: string }): Auth {
    if (options.reason.trim() === '') throw reasonMissing(undefined, 'Auth.none reason');
    return new Auth('none', undefined, options.reason);
  }

  private constructor(
    /** Value of the server's setting. */
    readonly kind: 'api-keys' | 'none',
    /** Where the keys are; absent for `none`. */
    readonly secret: SecretReference | undefined,
    /** Why anyone may call; absent for `api-keys`. */
    readonly reason: string | undefined,
  ) {}
}
