import { HEADERS } from '../../contract';
import type { InferenceCall } from '../serving/layer';

/** Most names of headers that a setting may list. */
export const MAX_HEADERS = 32;
const MAX_VALUE = 4_096;
const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;
/** What a header may hold; metadata of gRPC may hold more. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** About one connection, or said by each server for itself. */
const OWN: ReadonlySet<string> = new Set([
  ...['connection', 'expect', 'forwarded', 'host', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
  ...[HEADERS.inferenceHeaderLength, HEADERS.requestTimeout, HEADERS.via, HEADERS.servedBy],
]);
const OWN_PREFIX = /^(accept|content|proxy|sec|x-forwarded)-/;
/** What callers prove themselves with stays here, whatever they call it. */
const CREDENTIAL = /auth|cookie|token|secret|password|credential|api-?key|signature|session|x-real-ip|client-cert/;

/** Headers that always go along. */
const ALWAYS = [HEADERS.cacheControl];

/** True for a header that may go along to another server: of the request itself, and no credential. */
export const mayPass = (name: string): boolean =>
  NAME.test(name) && !OWN.has(name) && !OWN_PREFIX.test(name) && !CREDENTIAL.test(name);

/** The headers of a call that go along: those of these names that it has and that may. */
export function passedHeaders(
  attribute: InferenceCall['attribute'],
  names: readonly string[],
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const name of [...ALWAYS, ...names]) {
    const value = mayPass(name) ? attribute(name) : undefined;
    if (value !== undefined && value.length <= MAX_VALUE && VALUE.test(value)) headers[name] = value;
  }
  return headers;
}
