import { hash, timingSafeEqual } from 'node:crypto';
import { START_ERRORS } from './errors';

/** What a key may be used for. */
export const SCOPES = ['infer', 'read', 'manage'] as const;

/** One of {@link SCOPES}. */
export type Scope = (typeof SCOPES)[number];

/** How a caller proved who it is. */
export type AuthMethod = 'api-key' | 'jwt' | 'mtls';

/** What one caller may use; absent members are those of the server. */
export interface CallerLimits {
  /** Requests per second in the mean. */
  readonly ratePerSecond?: number;
  /** Requests at once. */
  readonly burst?: number;
  /** Requests that are answered at the same time. */
  readonly concurrency?: number;
  /** Requests in a day of UTC. */
  readonly requestsPerDay?: number;
}

/** Who a request comes from. */
export interface Principal {
  /** Id of the key, subject of the token or name of the certificate; safe to log. */
  readonly id: string;
  readonly scopes: ReadonlySet<Scope>;
  readonly method: AuthMethod;
  /** Claims of a token, for policies. @default - none */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** @default - those of the server */
  readonly limits?: CallerLimits;
}

interface ApiKey extends Principal {
  readonly digest: Buffer;
  /** Milliseconds since the epoch from which the key is void. */
  readonly expires: number;
}

/** A key file that cannot be used. The message names the entry, never a digest. */
export class KeyFileError extends Error {
  readonly code = 'LNMT8102';

  constructor(what: string) {
    super(`LNMT8102: ${START_ERRORS.LNMT8102.title}: ${what}`);
    this.name = 'KeyFileError';
  }
}

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const DIGEST = /^[0-9a-f]{64}$/i;

/** True for the name of a scope. */
export const isScope = (value: unknown): value is Scope => SCOPES.some((scope) => scope === value);

function asRecord(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new KeyFileError(`${where} is not an object`);
}

/** Without a zone it would be another moment on each machine. */
const TIME = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/;

/** True for a day that its month has: others are taken for days of the next month. */
function isDay(date: string): boolean {
  const time = Date.parse(date);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(date);
}

function parseExpiry(value: unknown, where: string): number {
  if (value === undefined) return Number.POSITIVE_INFINITY;
  const text = typeof value === 'string' ? value : '';
  const [, date = ''] = TIME.exec(text) ?? [];
  const time = isDay(date) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new KeyFileError(`${where}.expires is not an ISO 8601 time with a zone, e.g. 2030-01-31T00:00:00Z`);
  }
  return time;
}

const LIMITS = ['ratePerSecond', 'burst', 'concurrency', 'requestsPerDay'] as const;

function parseLimits(value: unknown, where: string): CallerLimits | undefined {
  if (value === undefined) return undefined;
  const limits = asRecord(value, where);
  for (const [name, limit] of Object.entries(limits)) {
    const known = LIMITS.some((each) => each === name);
    if (!known || !Number.isInteger(limit) || Number(limit) < 1) {
      throw new KeyFileError(`${where}.${name} is not one of ${LIMITS.join(', ')} with an integer from 1`);
    }
  }
  return limits;
}

const MEMBERS = ['id', 'sha256', 'scopes', 'expires', 'limits'] as const;

function parseKey(value: unknown, index: number): ApiKey {
  const where = `keys[${index}]`;
  const entry = asRecord(value, where);
  const { id, sha256, scopes, expires, limits } = entry;
  // A misspelled expiry or limit would be none. The name may be what belongs into a value: it is not repeated.
  if (!Object.keys(entry).every((name) => MEMBERS.some((each) => each === name))) {
    throw new KeyFileError(`${where} has a member that is not one of ${MEMBERS.join(', ')}`);
  }
  if (typeof id !== 'string' || !ID.test(id)) throw new KeyFileError(`${where}.id does not match ${ID.source}`);
  if (typeof sha256 !== 'string' || !DIGEST.test(sha256)) {
    throw new KeyFileError(`${where}.sha256 is not a SHA-256 in hexadecimal`);
  }
  if (!Array.isArray(scopes) || scopes.length === 0 || !scopes.every(isScope)) {
    throw new KeyFileError(`${where}.scopes is not a list of ${SCOPES.join(', ')}`);
  }
  const digest = Buffer.from(sha256, 'hex');
  return {
    id,
    digest,
    scopes: new Set(scopes),
    expires: parseExpiry(expires, where),
    method: 'api-key',
    limits: parseLimits(limits, `${where}.limits`),
  };
}

/** An immutable set of API keys. Only digests are held; a key itself is seen in requests alone. */
export class ApiKeySet {
  /**
   * Reads a key file: `{"keys": [{"id", "sha256", "scopes": ["infer"], "expires"?, "limits"?}]}`.
   *
   * @throws KeyFileError
   */
  static parse(text: string): ApiKeySet {
    let document: unknown;
    try {
      document = JSON.parse(text);
    } catch {
      throw new KeyFileError('it is not JSON');
    }
    const { keys } = asRecord(document, 'the document');
    if (!Array.isArray(keys)) throw new KeyFileError('keys is not a list');
    const parsed = keys.map(parseKey);
    const ids = new Set(parsed.map(({ id }) => id));
    if (ids.size < parsed.length) throw new KeyFileError('two entries have the same id');
    return new ApiKeySet(parsed);
  }

  private constructor(private readonly keys: readonly ApiKey[]) {}

  /** Ids of all keys. */
  get ids(): readonly string[] {
    return this.keys.map(({ id }) => id);
  }

  /**
   * Whose key this is. Every entry is compared, whatever the outcome, so that the time tells nothing.
   *
   * @param now milliseconds since the epoch
   */
  find(presented: string, now: number): Principal | undefined {
    const digest = hash('sha256', presented, 'buffer');
    let found: ApiKey | undefined;
    for (const key of this.keys) {
      if (timingSafeEqual(key.digest, digest) && now < key.expires) found = key;
    }
    return found;
  }
}
