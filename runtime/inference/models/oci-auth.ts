import fs from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { ModelError } from '../errors';
import { bodyOf, textOf } from './guarded-http';
import type { GuardedHttp } from './guarded-http';

/** Longest answer of a token service, in bytes. */
const MAX_ANSWER_BYTES = 1 << 16;
/** Seconds that a token holds where its service does not say, and that are left over at its end. */
const LIFE = { default: 60, reserve: 10 } as const;

type Fields = Readonly<Record<string, unknown>>;

const objectOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

/** Hosts of Docker Hub, whose credentials tools write under any of them. */
const DOCKER_HUB: readonly string[] = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];

const isSameHost = (a: string, b: string): boolean => a === b || (DOCKER_HUB.includes(a) && DOCKER_HUB.includes(b));

/**
 * The path in a registry that a key of the file names credentials for: empty for all of it. Keys are hosts, or URLs as
 * `https://index.docker.io/v1/`, or hosts with a path. Undefined where the key is for other places than `home`.
 */
function scopeOf(key: string, home: URL): string | undefined {
  const text = `${home.protocol}//${key.replace(/^https?:\/\//i, '')}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.username !== '' || !isSameHost(url.host, home.host)) return undefined;
  const scope = url.pathname.replace(/^\/v[12](?=\/|$)/, '').replace(/\/+$/, '');
  return `${home.pathname}/`.startsWith(`${scope}/`) ? scope : undefined;
}

/** The value of an `Authorization` header that an entry of the file comes to. */
function basicOf(entry: unknown): string | undefined {
  const { auth, username, password } = objectOf(entry);
  if (typeof auth === 'string' && auth !== '') return `Basic ${auth}`;
  if (typeof username !== 'string' || typeof password !== 'string') return undefined;
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/**
 * The value of an `Authorization` header for a registry, from a configuration file of Docker or of a pull secret: of the
 * entry with the longest path that leads to the registry's URL. Undefined where the file has none.
 *
 * @throws ModelError LNMT8304 for a file that cannot be read
 * @see https://kubernetes.io/docs/concepts/containers/images/#config-json
 */
export function storedCredential(file: string | undefined, home: URL): string | undefined {
  if (file === undefined) return undefined;
  let document: unknown;
  try {
    document = JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ModelError('LNMT8304', 'the file with credentials of the registry is not readable JSON', true, error);
  }
  const found = Object.entries(objectOf(objectOf(document)['auths'])).flatMap(([key, entry]) => {
    const [scope, value] = [scopeOf(key, home), basicOf(entry)];
    return scope === undefined || value === undefined ? [] : [{ scope, value, exact: key === home.host }];
  });
  found.sort((a, b) => b.scope.length - a.scope.length || Number(b.exact) - Number(a.exact));
  return found[0]?.value;
}

/**
 * True for a host name that a credential of the registry may be sent to: the registry itself, a sibling as
 * `auth.example.com` is of `registry.example.com`, or their parent. The realm is only the word of a registry.
 */
export function isTokenHost(host: string, registry: string): boolean {
  if (host === registry) return true;
  if (isIP(host) !== 0 || isIP(registry) !== 0) return false;
  const parentOf = (name: string): string => name.split('.').slice(1).join('.');
  const parent = parentOf(registry);
  return parent.includes('.') && (host === parent || parentOf(host) === parent);
}

/** What a registry demands of those who have no token yet. @see https://distribution.github.io/distribution/spec/auth/token/ */
interface Challenge {
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scope: string | undefined;
}

function challengeOf(answer: IncomingMessage, home: URL): Challenge | undefined {
  const header = answer.headers['www-authenticate'];
  if (header === undefined || !/^bearer /i.test(header)) return undefined;
  const parameters = new Map([...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value]));
  const realm = parameters.get('realm') ?? '';
  if (!URL.canParse(realm)) return undefined;
  const url = new URL(realm);
  if (url.protocol !== 'https:' && url.protocol !== home.protocol) return undefined;
  return { realm: url, service: parameters.get('service'), scope: parameters.get('scope') };
}

const endless = (): ModelError => new ModelError('LNMT8304', 'the token service answers without end', true);

function fieldsOf(text: string): Fields {
  try {
    return objectOf(JSON.parse(text));
  } catch (error) {
    throw new ModelError('LNMT8304', 'the token service answers with no JSON', true, error);
  }
}

interface Token {
  readonly header: string;
  /** Milliseconds of the clock after which it is of no use. */
  readonly until: number;
}

/**
 * Who the server is to a registry: the credential that it was given, or what the token service gives for it. A token
 * opens one repository.
 */
export class RegistryAccess {
  private readonly tokens = new Map<string, Token>();

  constructor(
    private readonly home: URL,
    private readonly http: GuardedHttp,
    /** Read whenever it is needed, because it may be replaced. */
    private readonly credential: () => string | undefined,
    /** Milliseconds of a monotonic clock. */
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Value of the header `Authorization` for a repository; undefined where there is none to send. */
  authorizationFor(repository: string): string | undefined {
    return this.tokenOf(repository) ?? this.credential();
  }

  /**
   * Does what a refusal asks for; false where there is nothing left to try.
   *
   * @param refused value of the header `Authorization` that was not good enough
   * @throws ModelError
   */
  async answerTo(refusal: IncomingMessage, repository: string, refused: string | undefined): Promise<boolean> {
    const challenge = challengeOf(refusal, this.home);
    if (challenge === undefined) return false;
    const token = this.tokenOf(repository);
    // Another request may have got one meanwhile.
    if (token === undefined || token === refused) this.tokens.set(repository, await this.ask(challenge));
    return true;
  }

  private tokenOf(repository: string): string | undefined {
    const token = this.tokens.get(repository);
    return token !== undefined && token.until > this.now() ? token.header : undefined;
  }

  private async ask({ realm, service, scope }: Challenge): Promise<Token> {
    if (service !== undefined) realm.searchParams.set('service', service);
    if (scope !== undefined) realm.searchParams.set('scope', scope);
    const credential = isTokenHost(realm.hostname, this.home.hostname) ? this.credential() : undefined;
    const headers: Record<string, string> = credential === undefined ? {} : { authorization: credential };
    const question = { file: 'a token of the registry', headers };
    const body = fieldsOf(
      await textOf(bodyOf(await this.http.get(realm, question), question), MAX_ANSWER_BYTES, endless),
    );
    const token = body['token'] ?? body['access_token'];
    if (typeof token !== 'string') throw new ModelError('LNMT8304', 'the token service gives no token', true);
    const seconds = typeof body['expires_in'] === 'number' ? body['expires_in'] : LIFE.default;
    return { header: `Bearer ${token}`, until: this.now() + Math.max(1, seconds - LIFE.reserve) * 1000 };
  }
}
