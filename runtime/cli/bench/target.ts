import { isLoopback } from '../../inference/access-config';
import { inferPath, PATHS } from '../../contract';
import { answerText, ask, failureText, jsonOf } from '../http';
import { at, list, text } from '../json';
import { askSignature } from '../serve/signature';
import type { Signature } from '../serve/signature';
import type { BenchRequest } from './client';
import { noList, noMetadata, noTarget, remoteTarget, requestRefused } from './errors';

/** Where load goes. */
export interface Target {
  /** Route that answers POST. */
  readonly url: URL;
  /** Name and signature of the model; absent where requests are the caller's own and the route is none of a model. */
  readonly signature?: Signature;
}

const MODEL_PATH = new RegExp(`^(.*?)${PATHS.models}/([^/]+)(/versions/[^/]+)?(/infer)?/?$`);

/** Reads a URL. @throws LNMT6061, LNMT6065 */
export function parseTarget(given: string, allowRemote: boolean): URL {
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    throw noTarget(given, 'that is no URL', 'write it with http:// or https://');
  }
  const plain = ['http:', 'https:'].includes(url.protocol);
  if (!plain) throw noTarget(given, `${url.protocol} is not spoken`, 'write it with http:// or https://');
  if (url.username || url.password) {
    throw noTarget(`${url.origin}`, 'it holds credentials', 'put an API key into the environment');
  }
  if (!allowRemote && !isLoopback(url.hostname)) throw remoteTarget(url.host);
  return url;
}

/** A segment of a path as text. @throws LNMT6061 */
function segmentOf(url: URL, segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw noTarget(url.href, `${segment} is no encoded text`, 'encode it as URLs want it: % is %25');
  }
}

async function onlyModel(base: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const answer = await ask(`${base}${PATHS.repository}/index`, { method: 'POST', headers }).catch((error: unknown) => {
    throw noList(base, failureText(error));
  });
  const names = [...new Set(list(jsonOf(answer)).map((entry) => text(at(entry, 'name')) ?? ''))];
  const [only] = names;
  if (answer.status !== 200 || only === undefined) throw noList(base, answerText(answer), answer.status);
  if (names.length === 1) return only;
  throw noTarget(base, `it serves ${names.length} models`, 'name the model with --model NAME');
}

/**
 * Finds the route, and what the model takes.
 *
 * @param model name of the model @default - from the URL, else the only one
 * @param ownRequests true where requests are given, so that metadata are not needed
 * @throws LNMT6061, LNMT6062
 */
export async function findTarget(
  url: URL,
  model: string | undefined,
  ownRequests: boolean,
  headers: Readonly<Record<string, string>>,
): Promise<Target> {
  const [, prefix, named, version = ''] = MODEL_PATH.exec(url.pathname) ?? [];
  const bare = url.pathname === '/';
  if (named === undefined && !bare) {
    if (ownRequests) return { url };
    throw noTarget(url.href, `${url.pathname} is no path of a model`, 'pass requests with --data, or the base URL');
  }
  const base = url.origin + (prefix ?? '');
  const name = model ?? (named === undefined ? await onlyModel(base, headers) : segmentOf(url, named));
  const versionName = version === '' ? undefined : segmentOf(url, version.slice('/versions/'.length));
  const route = new URL(base + inferPath(name, versionName));
  if (ownRequests) return { url: route };
  const signature = await askSignature(base, name, headers, versionName).catch((error: unknown) => {
    const what = versionName === undefined ? name : `${name}, version ${versionName}`;
    throw noMetadata(base, what, failureText(error));
  });
  return { url: route, signature };
}

/** Sends one request, so that load is not made of refusals. @throws LNMT6063 */
export async function probe(
  { url }: Target,
  { headers: own, body }: BenchRequest,
  headers: Readonly<Record<string, string>>,
  timeoutMs: number,
): Promise<void> {
  const request = { method: 'POST', headers: { ...headers, ...own }, body, timeoutMs } as const;
  const answer = await ask(url, request).catch((error: unknown) => {
    throw requestRefused(url.href, failureText(error));
  });
  if (answer.status !== 200) throw requestRefused(url.href, answerText(answer));
}
