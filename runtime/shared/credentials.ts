import type { IncomingHttpHeaders } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { PeerCertificate } from 'node:tls';
import { badRequest } from './errors';

/** What a request presents to prove who sends it, whatever it travels on. */
export interface Credentials {
  /** API key or token. */
  readonly presented?: string;
  /** Certificate of the client that one of our authorities issued. */
  readonly certificate?: PeerCertificate;
}

/** Longest token; keys are shorter. */
const MAX_LENGTH = 8 * 1024;

/** The key or token that a request presents, from `Authorization: Bearer` or `X-API-Key`. */
export function presentedKey(headers: IncomingHttpHeaders): string | undefined {
  const direct = headers['x-api-key'];
  const bearer = /^Bearer ([^\s]+)$/i.exec(headers.authorization ?? '')?.[1];
  const key = bearer ?? (typeof direct === 'string' ? direct : undefined);
  return key !== undefined && key.length > 0 && key.length <= MAX_LENGTH ? key : undefined;
}

/** The certificate of a client, once our authorities vouch for it. */
export function peerCertificate(socket: unknown): PeerCertificate | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const certificate = socket.getPeerCertificate();
  return Object.keys(certificate).length === 0 ? undefined : certificate;
}

const SINGLE = ['authorization', 'x-api-key', 'content-encoding', 'content-type', 'host'];
/** Most headers are told apart by their length alone. */
const LENGTHS = new Set(SINGLE.map(({ length }) => length));

/**
 * Refuses a head that two programs would read differently: headers that matter sent twice.
 *
 * @param rawHeaders names and values, alternating
 * @throws RequestError
 */
export function refuseRepeatedHeaders(rawHeaders: readonly string[]): void {
  const seen: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const raw = rawHeaders[index] ?? '';
    if (!LENGTHS.has(raw.length)) continue;
    const name = raw.toLowerCase();
    if (!SINGLE.includes(name)) continue;
    if (seen.includes(name)) throw badRequest(`the header ${name} is sent twice`);
    seen.push(name);
  }
}
