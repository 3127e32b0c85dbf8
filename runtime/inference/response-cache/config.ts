import { INFERENCE_ENV } from '../../contract';
import type { EnvValues } from '../../shared/env';
import type { ResponseCacheSettings } from './build-cache';

type Values = EnvValues<typeof INFERENCE_ENV>;

const SCHEMES = ['redis:', 'rediss:'];

/** True for the address of a server that speaks the protocol of Redis, without credentials. */
function isStoreUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !SCHEMES.includes(url.protocol) || url.hostname === '') return false;
  return url.username === '' && url.password === '' && url.search === '' && /^(\/\d{0,3})?$/.test(url.pathname);
}

/** What is wrong with the settings of the cache, one sentence for each fault. */
export function cacheProblems({ responseCacheBytes: bytes, responseCacheUrl: url }: Values): readonly string[] {
  const { responseCacheUrl, responseCacheBytes } = INFERENCE_ENV;
  if (url === undefined) return [];
  const problems: string[] = [];
  if (!isStoreUrl(url)) {
    problems.push(`${responseCacheUrl.name} is not redis://host:port/database or rediss://…, without credentials`);
  }
  if (bytes === 0) problems.push(`${responseCacheUrl.name} needs ${responseCacheBytes.name}`);
  return problems;
}

/** The settings of the cache; undefined where there is none. */
export function cacheSettings(values: Values): ResponseCacheSettings | undefined {
  const { responseCacheBytes: bytes, responseCacheTtl: ttl, responseCacheShared: shared } = values;
  const { responseCacheUrl: url, responseCacheUsername: username, responseCachePassword: password } = values;
  if (bytes === 0) return undefined;
  const second = url === undefined ? undefined : { url, username, password, wait: values.responseCacheWait };
  return { bytes, ttl, shared, models: values.responseCacheModels ?? [], second };
}
