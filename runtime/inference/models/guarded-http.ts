import http from 'node:http';
import https from 'node:https';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import dns from 'node:dns';
import type { LookupFunction } from 'node:net';
import { ModelError } from '../errors';
import { asModelError } from './download';
import { embeddedIn } from './embedded-address';
import { CannotResume } from './store';

/** Milliseconds that a store may be silent. */
export const SILENCE_MS = 30_000;
const REDIRECTS = 3;
/** Milliseconds that a connection waits for another request. */
const IDLE_MS = 5_000;
/** Most of an unwanted answer that is read, so that its connection serves again; beyond that a new one is cheaper. */
const UNWANTED = { bytes: 1 << 14, ms: 1_000 } as const;

/** Addresses at which machines keep credentials: never a model store. */
const METADATA = new BlockList();
METADATA.addSubnet('169.254.0.0', 16);
METADATA.addSubnet('fe80::', 10, 'ipv6');
METADATA.addAddress('fd00:ec2::254', 'ipv6');
METADATA.addAddress('100.100.100.200');

/** Networks that a store outside them must not lead into. */
const PRIVATE = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  PRIVATE.addSubnet(net, bits);
}
PRIVATE.addAddress('::1', 'ipv6');
PRIVATE.addSubnet('fc00::', 7, 'ipv6');
// Gateways of a network to its own addresses of IPv4.
PRIVATE.addSubnet('64:ff9b:1::', 48, 'ipv6');

const holds = (list: BlockList, address: string): boolean => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** What a connection may lead to. */
export interface Reach {
  /** False where an address of a private network would be a way around. */
  readonly privateAllowed: boolean;
}

/** True for an address that is not connected to: its own, or one of IPv4 that it leads to. */
export function isForbidden(address: string, { privateAllowed }: Reach): boolean {
  const [plain = ''] = address.split('%');
  return [plain, ...embeddedIn(plain)].some(
    (each) => holds(METADATA, each) || (!privateAllowed && holds(PRIVATE, each)),
  );
}

/** Looks a name up and gives only addresses that may be connected to; the one that is checked is the one that is used. */
export function guardedLookup(reach: Reach): LookupFunction {
  return (hostname, options, callback) => {
    dns.lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const bad = error === null && addresses.some(({ address }) => isForbidden(address, reach));
      const failure =
        error ?? (bad ? Object.assign(new Error('the address is not allowed'), { code: 'EACCES' }) : null);
      const [first] = addresses ?? [];
      if (failure || first === undefined) callback(failure ?? new Error('no address'), '', 4);
      else if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

/** What is asked for beside the place. */
export interface Question {
  /** Byte to begin at. @default 0 */
  readonly start?: number;
  /** Headers for every host that the answer is looked for at. @default - none */
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers for the host of the store alone, such as its credentials. @default - none */
  readonly homeHeaders?: Readonly<Record<string, string>>;
  /** Name of what is asked for, for messages. */
  readonly file: string;
}

/** Gets files over HTTP from one host and from where it redirects to, and from nowhere that would be a way around. */
export class GuardedHttp {
  /** Its own: a connection that others have opened was held to what they may reach. */
  private readonly agents = {
    http: new http.Agent({ keepAlive: true, timeout: IDLE_MS }),
    https: new https.Agent({ keepAlive: true, timeout: IDLE_MS }),
  };

  constructor(
    /** URL of the store. */
    private readonly home: URL,
    /** Milliseconds for which nothing may come, before an answer and in it. */
    private readonly silenceMs: number = SILENCE_MS,
  ) {}

  /**
   * The answer at a URL or at where it redirects to, whatever its status is.
   *
   * @throws ModelError LNMT8304 for a place that is not allowed, too many redirects, or no answer
   */
  async get(first: URL, question: Question): Promise<IncomingMessage> {
    let url = first;
    for (let hops = 0; hops <= REDIRECTS; hops += 1) {
      const answer = await this.ask(url, question);
      const { statusCode: status = 0 } = answer;
      const { location } = answer.headers;
      if (status < 300 || status >= 400 || location === undefined) return answer;
      dismiss(answer);
      url = this.follow(url, location, question.file);
    }
    throw new ModelError('LNMT8304', `${question.file}: more than ${REDIRECTS} redirects`);
  }

  private follow(from: URL, location: string, file: string): URL {
    const next = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
    const safe = next !== undefined && (next.protocol === 'https:' || next.protocol === this.home.protocol);
    if (!safe || next.username !== '' || next.password !== '') {
      throw new ModelError('LNMT8304', `${file}: the store redirects to a place that is not allowed`);
    }
    return next;
  }

  private ask(url: URL, { start = 0, headers, homeHeaders, file }: Question): Promise<IncomingMessage> {
    const sameHost = url.host === this.home.host;
    const reach: Reach = { privateAllowed: sameHost };
    const literal = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(literal) !== 0 && isForbidden(literal, reach)) {
      throw new ModelError('LNMT8304', `${file}: the address ${literal} is not allowed`);
    }
    const sent = {
      'accept-encoding': 'identity',
      ...headers,
      // Credentials are for the host that they were given for.
      ...(sameHost ? homeHeaders : {}),
      ...(start > 0 ? { range: `bytes=${start}-` } : {}),
    };
    const isTls = url.protocol === 'https:';
    const get: typeof http.get = isTls ? https.get : http.get;
    const options = {
      ...{ headers: sent, timeout: this.silenceMs, lookup: guardedLookup(reach) },
      agent: isTls ? this.agents.https : this.agents.http,
    };
    return new Promise((resolve, reject) => {
      const request = get(url, options, resolve);
      request.once('timeout', () => request.destroy(new Error('silence')));
      request.once('error', (error) => reject(new ModelError('LNMT8304', `${file}: ${error.message}`, true, error)));
    });
  }
}

/** Lets go of an answer that nobody reads. One without an end in sight takes its connection with it. */
export function dismiss(answer: IncomingMessage): void {
  const end = (): void => void answer.destroy();
  const timer = setTimeout(end, UNWANTED.ms).unref();
  answer.once('close', () => clearTimeout(timer));
  let bytes = 0;
  answer.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > UNWANTED.bytes) end();
  });
}

/**
 * All of an answer, as text.
 *
 * @param most bytes that it may have
 * @param tooLong what it means that there are more
 * @throws ModelError
 */
export async function textOf(answer: IncomingMessage, most: number, tooLong: () => ModelError): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > most) throw tooLong();
      chunks.push(chunk);
    }
  } catch (error) {
    throw asModelError(error);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * The body of an answer that has it whole, or from the byte on that was asked for.
 *
 * @throws ModelError LNMT8301 where there is no such file, LNMT8304 for any other answer
 */
export function bodyOf(answer: IncomingMessage, { start = 0, file }: Question): IncomingMessage {
  const { statusCode: status = 0 } = answer;
  if (status === (start > 0 ? 206 : 200)) return answer;
  dismiss(answer);
  // A store that ignores ranges answers with everything, and one whose file is shorter by now with nothing.
  if (status === 200 || status === 416) throw new CannotResume(file);
  if (status === 404 || status === 410) throw new ModelError('LNMT8301', `no file ${file}`);
  // Credentials are put right, and a network lets one in: only that a file is gone is a word on the file.
  throw new ModelError('LNMT8304', `${file}: status ${status}`, true);
}
