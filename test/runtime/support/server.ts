import { pino } from 'pino';
import { Registry } from 'prom-client';
import { ApiKeySet } from '../../../runtime/shared/api-keys';
import { buildServer } from '../../../runtime/inference/server';
import type { InferenceServer } from '../../../runtime/inference/server';
import { FakeBackend } from './fake-backend';
import { keyFile } from './temporary';

/** What a test may change of a server. */
export interface ServerOptions {
  readonly maxRequestBytes?: number;
  readonly maxConcurrency?: number;
  /** Without authentication. */
  readonly open?: boolean;
  /** Lines that the server logs. */
  readonly log?: string[];
}

/** Key that may do anything. */
export const FULL_KEY = 'full-key';

/** Keys of the test server by scope. */
export const KEYS = [
  { id: 'full', key: FULL_KEY, scopes: ['infer', 'read', 'manage'] },
  { id: 'infer', key: 'infer-key', scopes: ['infer'] },
  { id: 'read', key: 'read-key', scopes: ['read'] },
  { id: 'expired', key: 'expired-key', scopes: ['infer', 'read'], expires: '2020-01-01T00:00:00Z' },
] as const;

/** A server over a fake backend that serves `demo`, version `1`, and does not listen. */
export async function testServer(
  options: ServerOptions = {},
): Promise<InferenceServer & { readonly backend: FakeBackend; readonly registry: Registry }> {
  const backend = new FakeBackend();
  const registry = new Registry();
  const { maxRequestBytes = 8_388_608, maxConcurrency = 10, open, log } = options;
  const config = { modelName: 'demo', modelVersion: '1', maxRequestBytes, maxConcurrency };
  const server = await buildServer(config, {
    backend,
    registry,
    log: pino({ level: log ? 'trace' : 'silent' }, { write: (line: string) => void log?.push(line) }),
    keys: open ? undefined : ApiKeySet.parse(keyFile(KEYS)),
    now: Date.now,
  });
  return { ...server, backend, registry };
}

/** A request that the fake model takes. */
export const DEMO_REQUEST = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2.5] }] };
