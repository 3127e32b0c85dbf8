import { fileURLToPath } from 'node:url';
import { isLoopback } from '../access-config';

/** Stores that models are pushed to. */
export type StoreLocation =
  | { readonly kind: 'file'; readonly dir: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string };

/** Where models come from. */
export type ModelLocation =
  | StoreLocation
  | { readonly kind: 'http'; readonly url: string }
  | { readonly kind: 'oci'; readonly url: string }
  | { readonly kind: 'gcs'; readonly bucket: string; readonly prefix: string }
  | { readonly kind: 'azure'; readonly account: string; readonly container: string; readonly prefix: string };

/** Forms of a URI, for messages. */
export const URI_FORMS =
  'file:///dir, s3://bucket/prefix, gs://bucket/prefix, az://account/container/prefix, oci://registry/path or https://host/path';

const trimmed = (path: string): string => path.replace(/^\/+|\/+$/g, '');

/** What a part of a URI means; undefined where its percent-encoding means nothing that a name can hold. */
function decoded(decode: () => string): string | undefined {
  try {
    const text = decode();
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

/** Where in a bucket models are, as the keys of its objects have it. */
const prefixOf = (path: string): string | undefined => decoded(() => decodeURIComponent(trimmed(path)));

/** Reads the URI of a store that models are pushed to; undefined when it is none. */
export function parseStoreUri(uri: string): StoreLocation | undefined {
  if (!URL.canParse(uri)) return undefined;
  const url = new URL(uri);
  if (url.username || url.password || url.search || url.hash) return undefined;
  if (url.protocol === 'file:' && url.host === '') {
    const dir = decoded(() => fileURLToPath(url));
    return dir === undefined ? undefined : { kind: 'file', dir };
  }
  const prefix = prefixOf(url.pathname);
  if (url.protocol !== 's3:' || url.host === '' || prefix === undefined) return undefined;
  return { kind: 's3', bucket: url.host, prefix };
}

/** Reads the URI of a repository; undefined when it is none, or holds credentials. */
export function parseModelUri(uri: string): ModelLocation | undefined {
  const store = parseStoreUri(uri);
  if (store !== undefined || !URL.canParse(uri)) return store;
  const url = new URL(uri);
  if (url.username || url.password || url.search || url.hash || url.hostname === '') return undefined;
  switch (url.protocol) {
    case 'https:':
      return { kind: 'http', url: url.href };
    case 'http:':
      // Without TLS whoever is on the way chooses the model.
      return isLoopback(url.hostname) ? { kind: 'http', url: url.href } : undefined;
    case 'oci:': {
      // Registries speak TLS; one on this machine may not.
      const scheme = isLoopback(url.hostname) ? 'http' : 'https';
      return { kind: 'oci', url: `${scheme}://${url.host}/${trimmed(url.pathname)}` };
    }
    case 'gs:': {
      const prefix = prefixOf(url.pathname);
      return prefix === undefined ? undefined : { kind: 'gcs', bucket: url.hostname, prefix };
    }
    case 'az:': {
      const [container, ...rest] = trimmed(url.pathname).split('/');
      const prefix = prefixOf(rest.join('/'));
      if (!container || prefix === undefined) return undefined;
      return { kind: 'azure', account: url.hostname, container, prefix };
    }
    default:
      return undefined;
  }
}
