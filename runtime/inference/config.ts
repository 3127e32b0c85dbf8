import { isIP } from 'node:net';
import { fileURLToPath } from 'node:url';
import { INFERENCE_ENV, MODEL_NAME_PATTERN } from '../contract';
import { EnvError, readEnv } from '../shared/env';
import type { EnvValues } from '../shared/env';
import type { BatchSettings } from './batching/batcher';

/** Where models come from. */
export type StoreLocation =
  | { readonly kind: 'file'; readonly dir: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string };

/** Settings of the server, checked and immutable. Durations in seconds, sizes in bytes. */
export type InferenceConfig = EnvValues<typeof INFERENCE_ENV> & {
  readonly store: StoreLocation;
  readonly batching: BatchSettings;
};

/** True for addresses that only this machine reaches. */
export function isLoopback(address: string): boolean {
  if (address === 'localhost' || address === '::1') return true;
  return isIP(address) === 4 && address.startsWith('127.');
}

/** Reads a store URI; undefined when it is none. */
export function parseStoreUri(uri: string): StoreLocation | undefined {
  let url: URL;
  try {
    url = new URL(uri);
  } catch {
    return undefined;
  }
  if (url.username || url.password || url.search || url.hash) return undefined;
  if (url.protocol === 'file:' && url.host === '') return { kind: 'file', dir: fileURLToPath(url) };
  if (url.protocol !== 's3:' || url.host === '') return undefined;
  return { kind: 's3', bucket: url.host, prefix: url.pathname.replace(/^\/+|\/+$/g, '') };
}

const SIZE = /^[1-9]\d{0,3}$/;

/** The sizes of a list such as `8,16`; undefined when it is none. */
function parseSizes(list: readonly string[]): readonly number[] | undefined {
  if (!list.every((text) => SIZE.test(text))) return undefined;
  return list.map(Number).sort((a, b) => a - b);
}

function problemsOf(values: EnvValues<typeof INFERENCE_ENV>, store: StoreLocation | undefined): string[] {
  const { modelName, modelVersion, modelUri } = INFERENCE_ENV;
  const problems: string[] = [];
  for (const [row, value] of [
    [modelName, values.modelName],
    [modelVersion, values.modelVersion],
  ] as const) {
    if (!MODEL_NAME_PATTERN.test(value)) problems.push(`${row.name} does not match ${MODEL_NAME_PATTERN.source}`);
  }
  if (!parseSizes(values.preferredBatchSizes ?? [])) {
    problems.push(`${INFERENCE_ENV.preferredBatchSizes.name} is not a list of sizes from 1 to 9999, such as 8,16`);
  }
  if (!store) problems.push(`${modelUri.name} is not file:///dir or s3://bucket/prefix without credentials`);
  if (values.auth === 'none' && !isLoopback(values.bindAddress) && !values.authNoneReason) {
    const { auth, authNoneReason, bindAddress } = INFERENCE_ENV;
    problems.push(
      `${auth.name} is none and ${bindAddress.name} is ${values.bindAddress}, which others reach; ` +
        `use api-keys, bind to 127.0.0.1, or say in ${authNoneReason.name} why anyone may call`,
    );
  }
  return problems;
}

/**
 * Reads the configuration from an environment.
 *
 * @throws EnvError that names every fault at once
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): InferenceConfig {
  const values = readEnv(INFERENCE_ENV, env);
  const store = parseStoreUri(values.modelUri);
  const problems = problemsOf(values, store);
  if (problems.length > 0 || !store) throw new EnvError(problems);
  const batching: BatchSettings = {
    maxRows: values.maxBatchSize,
    maxDelay: values.maxQueueDelay,
    preferred: parseSizes(values.preferredBatchSizes ?? []) ?? [],
    maxQueue: values.maxQueueSize,
  };
  return Object.freeze({ ...values, store, batching });
}
