import { INFERENCE_ENV } from '../../contract';
import { loadOptional } from '../../shared/optional-package';
import type { SharedStore } from './second-level';

/** Where the second level is. */
export interface RedisSettings {
  /** `redis://host:port/database`, or `rediss://` with TLS; without credentials. */
  readonly url: string;
  /** @default - that of the server, `default` */
  readonly username?: string | undefined;
  /** @default - none */
  readonly password?: string | undefined;
}

const PACKAGE = 'ioredis';
const CONNECT_MS = 1_000;
const RETRY_MS = { first: 100, most: 2_000 } as const;

/**
 * Redis, Valkey or another server that speaks their protocol.
 *
 * @param failed told each time that the connection has a fault
 * @throws StartError LNMT8103 when its client is not installed
 */
export async function openRedis(
  { url, username, password }: RedisSettings,
  failed: (error: unknown) => void,
): Promise<SharedStore> {
  const { Redis } = await loadOptional(() => import('ioredis'), PACKAGE, INFERENCE_ENV.responseCacheUrl.name);
  const client = new Redis(url, {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    // What cannot be asked now is not asked at all: nothing waits, and nothing is asked twice.
    ...{ enableOfflineQueue: false, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false },
    ...{ enableReadyCheck: false, disableClientInfo: true, protocol: 2, connectTimeout: CONNECT_MS },
    retryStrategy: (times) => Math.min(RETRY_MS.first * 2 ** Math.min(times, 10), RETRY_MS.most),
  });
  client.on('error', failed);
  return {
    get: (key) => client.getBuffer(key),
    set: (key, value, ttlMs) => client.set(key, value, 'PX', ttlMs),
    renew: () => client.disconnect(true),
    close: () => client.disconnect(),
  };
}
