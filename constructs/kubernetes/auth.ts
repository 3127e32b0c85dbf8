import { INFERENCE_ENV } from '../../runtime/contract';
import { algorithmUnknown, authMixed, issuerIncomplete, jwksUnsafe, reasonMissing } from './errors';
import { isLateBound } from './opaque';
import type { SecretReference } from './secret-reference';

/** How a caller can prove who it is, as the server's setting names it. */
export type AuthMethod = Exclude<(typeof INFERENCE_ENV.auth.values)[number], 'mtls'>;

/** Signature algorithms of tokens: asymmetric ones only. */
export type JwtAlgorithm = (typeof INFERENCE_ENV.jwtAlgorithms.values)[number];

/** The issuer of tokens and what it writes into them. Strings may be late-bound. */
export interface JwtOptions {
  /** Issuer, the `iss` of every accepted token. */
  readonly issuer: string;
  /** Audience that a token must name in `aud`. */
  readonly audience: string;
  /** Where the issuer publishes its keys; https. The endpoint's `egress` must let its pods go there. */
  readonly jwksUri: string;
  /** Accepted signature algorithms. @default - RS256, PS256, ES256 and EdDSA */
  readonly algorithms?: readonly JwtAlgorithm[];
  /** Claim with the scopes `infer`, `read` and `manage`; dots lead into objects. @default 'scope' */
  readonly scopesClaim?: string;
}

/** How callers of an endpoint prove who they are. There is no silent default: an exposed server without one refuses to start. */
export class Auth {
  /**
   * API keys. The secret holds a JSON document with hashed keys under the contract's `API_KEYS_FILE`; the server re-reads it
   * when it changes.
   */
  static apiKeys(secret: SecretReference): Auth {
    return new Auth(['api-keys'], { secret });
  }

  /**
   * JSON Web Tokens of an OpenID Connect issuer.
   *
   * @throws LNMT3014 for a missing issuer or audience, LNMT3015 for keys that do not come over https, LNMT3016 for an
   * algorithm that a server does not accept
   */
  static jwt(options: JwtOptions): Auth {
    for (const property of ['issuer', 'audience'] as const) {
      if (options[property].trim() === '') throw issuerIncomplete(`Auth.jwt ${property}`);
    }
    if (!isLateBound(options.jwksUri) && !isHttps(options.jwksUri)) throw jwksUnsafe(options.jwksUri);
    const allowed: readonly string[] = INFERENCE_ENV.jwtAlgorithms.values;
    const stranger = options.algorithms?.find((algorithm) => !allowed.includes(algorithm));
    if (stranger !== undefined || options.algorithms?.length === 0) throw algorithmUnknown(stranger, allowed);
    return new Auth(['jwt'], { jwt: options });
  }

  /** Either of several ways, e.g. keys for programs and tokens for people. @throws LNMT3017 for `Auth.none` and repetitions */
  static anyOf(first: Auth, second: Auth): Auth {
    const methods = [...first.methods, ...second.methods];
    if (methods.includes('none') || new Set(methods).size < methods.length) throw authMixed(methods);
    const { secret = second.secret, jwt = second.jwt } = first;
    return new Auth(methods, { ...(secret ? { secret } : {}), ...(jwt ? { jwt } : {}) });
  }

  /** Anyone who reaches the endpoint may use it. @throws LNMT3010 for an empty reason */
  static none(options: { readonly reason: string }): Auth {
    if (options.reason.trim() === '') throw reasonMissing(undefined, 'Auth.none reason');
    return new Auth(['none'], { reason: options.reason });
  }

  /** Where the keys are; absent without API keys. */
  readonly secret: SecretReference | undefined;
  /** Whose tokens are accepted; absent without tokens. */
  readonly jwt: JwtOptions | undefined;
  /** Why anyone may call; absent where callers prove who they are. */
  readonly reason: string | undefined;

  private constructor(
    /** Entries of the server's setting. */
    readonly methods: readonly AuthMethod[],
    parts: { readonly secret?: SecretReference; readonly jwt?: JwtOptions; readonly reason?: string },
  ) {
    this.secret = parts.secret;
    this.jwt = parts.jwt;
    this.reason = parts.reason;
  }

  /** Value of the server's setting. */
  get kind(): string {
    return this.methods.join(',');
  }
}

function isHttps(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, hash } = new URL(text);
  return protocol === 'https:' && username === '' && password === '' && hash === '';
}
