import type * as Jose from 'jose' with { 'resolution-mode': 'import' };
import { isScope } from './api-keys';
import type { Principal, Scope } from './api-keys';
import { issuerUnavailable } from './errors';
import { IssuerKeys, KEY_LIMITS, KeysUnavailable } from './jwt-keys';

/** What tokens are held to. */
export interface JwtSettings {
  /** `iss` of every accepted token. */
  readonly issuer: string;
  /** One of the entries of `aud`. */
  readonly audience: string;
  /** Where the issuer publishes its keys. */
  readonly jwksUri: URL;
  /** Signature algorithms; asymmetric ones only. */
  readonly algorithms: readonly string[];
  /** Claim with the scopes; dots lead into objects. */
  readonly scopesClaim: string;
}

/** Seconds that clocks may differ, and how long keys are used: {@link KEY_LIMITS}. */
export const JWT_LIMITS = { clockToleranceSeconds: 60, ...KEY_LIMITS } as const;

const SCOPE_PREFIX = 'lnmt:';
const MAX_SUBJECT = 256;

function claimAt(payload: Jose.JWTPayload, path: string): unknown {
  // A claim may have dots in its name, as those that are URLs.
  if (Object.hasOwn(payload, path)) return payload[path];
  return path.split('.').reduce<unknown>((value, key) => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    return (value as Readonly<Record<string, unknown>>)[key];
  }, payload);
}

/** Scopes that a claim names, with or without the prefix `lnmt:`. Others are not ours. */
export function scopesOf(claim: unknown): ReadonlySet<Scope> {
  const entries: readonly unknown[] =
    typeof claim === 'string' ? claim.split(/[ ,]+/) : Array.isArray(claim) ? claim : [];
  const names = entries.map((entry) =>
    typeof entry === 'string' && entry.startsWith(SCOPE_PREFIX) ? entry.slice(SCOPE_PREFIX.length) : entry,
  );
  return new Set(names.filter(isScope));
}

/**
 * Whether the time of a token is over at `now`, in milliseconds since the epoch. Whose it is was verified before.
 */
export function isOver({ claims }: Principal, now: number): boolean {
  const end = claims?.['exp'];
  return typeof end !== 'number' || end <= Math.floor(now / 1000) - JWT_LIMITS.clockToleranceSeconds;
}

/** Verifies the tokens of one issuer with the keys that it publishes. */
export class JwtVerifier {
  /** Loads the library, which is a module of the other kind. Nothing is fetched yet. */
  static async create(settings: JwtSettings): Promise<JwtVerifier> {
    const jose = await import('jose');
    return new JwtVerifier(settings, jose, new IssuerKeys(jose, settings.jwksUri));
  }

  private constructor(
    private readonly settings: JwtSettings,
    private readonly jose: typeof Jose,
    private readonly keys: IssuerKeys,
  ) {}

  /**
   * Whose token this is at `now`, in milliseconds since the epoch; undefined when it is not valid.
   *
   * @throws RequestError 503 when the keys are out of reach
   */
  async verify(token: string, now: number): Promise<Principal | undefined> {
    try {
      const { payload } = await this.jose.jwtVerify(token, (header) => this.keys.find(header), {
        issuer: this.settings.issuer,
        audience: this.settings.audience,
        algorithms: [...this.settings.algorithms],
        requiredClaims: ['exp', 'iss', 'aud', 'sub'],
        clockTolerance: JWT_LIMITS.clockToleranceSeconds,
        currentDate: new Date(now),
      });
      return this.principalOf(payload);
    } catch (error) {
      if (error instanceof this.jose.errors.JOSEError) return undefined;
      if (error instanceof KeysUnavailable) throw issuerUnavailable(error.cause);
      // What the platform's cryptography refuses, such as a key that does not fit the algorithm.
      return undefined;
    }
  }

  /** Fetches no more keys. */
  close(): void {
    this.keys.close();
  }

  private principalOf(payload: Jose.JWTPayload): Principal | undefined {
    const { sub } = payload;
    if (typeof sub !== 'string' || sub === '' || sub.length > MAX_SUBJECT) return undefined;
    const scopes = scopesOf(claimAt(payload, this.settings.scopesClaim));
    return { id: sub, scopes, method: 'jwt', claims: payload };
  }
}
