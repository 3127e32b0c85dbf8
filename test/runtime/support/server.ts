import { pino } from 'pino';
import { Registry } from 'prom-client';
import { ApiKeySet } from '../../../runtime/shared/api-keys';
import type { AccessParts } from '../../../runtime/inference/access';
import type { UpstreamSettings } from '../../../runtime/inference/edge/open';
import type { LimitSettings } from '../../../runtime/inference/guard';
import type { LoadMode } from '../../../runtime/inference/registry';
import { GrpcServer } from '../../../runtime/inference/grpc/server';
import type { ResponseCacheSettings } from '../../../runtime/inference/response-cache/build-cache';
import { buildServer } from '../../../runtime/inference/server';
import type { InferenceServer, ServerDeps } from '../../../runtime/inference/server';
import { FakeBackend } from './fake-backend';
import { FakeSource } from './fake-source';
import { keyFile } from './temporary';

/** What a test may change of a server. */
export interface ServerOptions {
  readonly maxRequestBytes?: number;
  readonly maxConcurrency?: number;
  /** Without authentication. */
  readonly open?: boolean;
  /** Lines that the server logs. */
  readonly log?: string[];
  /** Ways to prove oneself besides the keys, audit log and TLS. */
  readonly access?: AccessParts;
  readonly limits?: LimitSettings;
  /** Server that answers what this one cannot. */
  readonly upstream?: UpstreamSettings;
  /** Name of the model. @default demo */
  readonly name?: string;
  /** When the model is loaded. @default pinned */
  readonly load?: LoadMode;
  /** Answers that are given again. */
  readonly responseCache?: ResponseCacheSettings;
  /** With GraphQL. */
  readonly graphql?: boolean;
  readonly openPayloadLog?: ServerDeps['openPayloadLog'];
  /** Milliseconds for a message to arrive over gRPC. */
  readonly receiveMs?: number;
}

/** Key that may do anything. */
export const FULL_KEY = 'full-key';

/** Keys of the test server by scope. */
export const KEYS = [
  { id: 'full', key: FULL_KEY, scopes: ['infer', 'read', 'manage'] },
  { id: 'infer', key: 'infer-key', scopes: ['infer'] },
  { id: 'read', key: 'read-key', scopes: ['read'] },
  { id: 'manage', key: 'manage-key', scopes: ['manage'] },
  { id: 'expired', key: 'expired-key', scopes: ['infer', 'read'], expires: '2020-01-01T00:00:00Z' },
] as const;

/** A server and what stands behind it. */
export interface TestServer extends InferenceServer {
  readonly backend: FakeBackend;
  readonly source: FakeSource;
  readonly registry: Registry;
  /** Brings up the model from this file. */
  load(file: string): Promise<void>;
}

/** A server over a fake backend that serves `demo`, version `1`, and does not listen. */
export async function testServer(options: ServerOptions = {}): Promise<TestServer> {
  const backend = new FakeBackend();
  const registry = new Registry();
  const {
    maxRequestBytes = 8_388_608,
    maxConcurrency = 10,
    open,
    log,
    access,
    limits,
    graphql = false,
    responseCache,
    name = 'demo',
  } = options;
  const source = new FakeSource({ [name]: ['1'] });
  const models = [{ name, versions: { kind: 'all' }, load: options.load ?? 'pinned' }] as const;
  const config = { models, maxRequestBytes, maxConcurrency, graphql, responseCache, ...limits };
  const server = await buildServer(config, {
    openGrpc: async (wire) => new GrpcServer({ ...wire, receiveMs: options.receiveMs }),
    createBackend: () => backend,
    sourceOf: () => source,
    registry,
    log: pino({ level: log ? 'trace' : 'silent' }, { write: (line: string) => void log?.push(line) }),
    keys: open ? undefined : ApiKeySet.parse(keyFile(KEYS)),
    ...access,
    ...(options.openPayloadLog ? { openPayloadLog: options.openPayloadLog } : {}),
    upstream: options.upstream,
    now: Date.now,
  });
  const load = (file: string): Promise<void> => {
    source.file = file;
    return server.start();
  };
  return { ...server, backend, registry, source, load };
}

/** A request that the fake model takes. */
export const DEMO_REQUEST = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2.5] }] };
