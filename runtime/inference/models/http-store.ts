import http from 'node:http';
import https from 'node:https';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import dns from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import { ModelError } from '../errors';
import type { ModelStore, StoreEntry } from './store';

const SILENCE_MS = 30_000;
const REDIRECTS = 3;

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

const holds = (list: BlockList, address: string): boolean => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** What a connection may lead to. */
export interface Reach {
  /** False where an address of a private network would be a way around. */
  readonly privateAllowed: boolean;
}

/** True for an address that is not connected to. Addresses of the form ::ffff:a.b.c.d are checked as a.b.c.d. */
export function isForbidden(address: string, { privateAllowed }: Reach): boolean {
  return holds(METADATA, address) || (!privateAllowed && holds(PRIVATE, address));
}

/** Looks a name up and gives only addresses that may be connected to; the one that is checked is the one that is used. */
function guardedLookup(reach: Reach): LookupFunction {
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

function translate(status: number, file: string): ModelError {
  if (status === 404 || status === 410) return new ModelError('LNMT8301', `no file ${file}`);
  return new ModelError('LNMT8304', `${file}: status ${status}`, status === 429 || status >= 500);
}

/** A store behind HTTPS. It has no folders, so versions are named and every one has its manifest. */
export class HttpStore implements ModelStore {
  constructor(
    /** URL of the root of the store. */
    private readonly base: URL,
    private readonly headers: Readonly<Record<string, string>> = {},
  ) {}

  async open(file: string, start = 0): Promise<Readable> {
    const root = this.base.href.endsWith('/') ? this.base.href : `${this.base.href}/`;
    const path = file.split('/').map(encodeURIComponent).join('/');
    let url: URL = new URL(path, root);
    for (let hops = 0; hops <= REDIRECTS; hops += 1) {
      const answer = await this.ask(url, start, file);
      const { statusCode: status = 0 } = answer;
      if (status === (start > 0 ? 206 : 200)) return answer;
      answer.resume();
      // A store that ignores ranges answers with everything; that is no answer to this question.
      if (status === 200) throw new ModelError('LNMT8304', `${file}: the store cannot resume`, true);
      const { location } = answer.headers;
      if (status < 300 || status >= 400 || location === undefined) throw translate(status, file);
      url = this.follow(url, location, file);
    }
    throw new ModelError('LNMT8304', `${file}: more than ${REDIRECTS} redirects`);
  }

  async list(folder: string): Promise<readonly StoreEntry[]> {
    throw new ModelError('LNMT8309', `${folder === '' ? 'its root' : folder} was asked for`);
  }

  private follow(from: URL, location: string, file: string): URL {
    const next = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
    const safe = next !== undefined && (next.protocol === 'https:' || next.protocol === this.base.protocol);
    if (!safe || next.username !== '' || next.password !== '') {
      throw new ModelError('LNMT8304', `${file}: the store redirects to a place that is not allowed`);
    }
    return next;
  }

  private ask(url: URL, start: number, file: string): Promise<IncomingMessage> {
    const sameHost = url.host === this.base.host;
    const reach: Reach = { privateAllowed: sameHost };
    const literal = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(literal) !== 0 && isForbidden(literal, reach)) {
      throw new ModelError('LNMT8304', `${file}: the address ${literal} is not allowed`);
    }
    const headers = {
      'accept-encoding': 'identity',
      // Credentials are for the host that they were given for.
      ...(sameHost ? this.headers : {}),
      ...(start > 0 ? { range: `bytes=${start}-` } : {}),
    };
    const get: typeof http.get = url.protocol === 'https:' ? https.get : http.get;
    return new Promise((resolve, reject) => {
      const request = get(url, { headers, timeout: SILENCE_MS, lookup: guardedLookup(reach) }, resolve);
      request.once('timeout', () => request.destroy(new Error('silence')));
      request.once('error', (error) => reject(new ModelError('LNMT8304', `${file}: ${error.message}`, true, error)));
    });
  }
}
