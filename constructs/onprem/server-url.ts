import { unusableUrl } from './errors';

/** A server's address. */
export interface ServerUrl {
  /** Scheme, host and port, e.g. `https://s3.example.com:9000`. */
  readonly origin: string;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** Reads the URL of a server. @throws LNMT2305 for anything with a path, or without a scheme */
export function serverUrl(property: string, text: string): ServerUrl {
  if (!URL.canParse(text)) throw unusableUrl(property, text);
  const url = new URL(text);
  const tls = url.protocol === 'https:';
  const plain = url.pathname === '/' && url.search === '' && url.username === '';
  if (!plain || (!tls && url.protocol !== 'http:')) throw unusableUrl(property, text);
  return { origin: url.origin, host: url.hostname, port: Number(url.port) || (tls ? 443 : 80), tls };
}
