import type { Server } from 'node:http';
import type { SecureContextOptions } from 'node:tls';
import { Server as TlsServer } from 'node:tls';
import type { FastifyHttpOptions, FastifyInstance, FastifyRequest } from 'fastify';
import type { AccessControl } from '../shared/access-control';
import type { AuditLog } from '../shared/audit';
import { auditPlugin } from '../shared/audit-plugin';
import { authPlugin } from '../shared/auth';
import type { ResourceParams } from '../shared/auth';
import { bodyPiecesPlugin } from '../shared/body-pieces';
import type { CallerLimiter, CallerLimitSettings } from '../shared/caller-limits';
import { callerLimitsPlugin } from '../shared/caller-limits-plugin';
import { decompressionPlugin } from '../shared/decompression';
import { drainPlugin } from '../shared/drain';
import type { HealthState } from '../shared/health';
import type { OpenRequests } from '../shared/open-requests';
import { methodsPlugin } from '../shared/http-methods';
import { hardenedOptions, limitsPlugin } from '../shared/limits';
import { MIN_TLS_VERSION } from '../shared/tls';
import type { TlsMaterial } from '../shared/tls';
import type { TlsChanges } from '../shared/tls-follower';
import { tracePlugin } from '../shared/tracing';
import { operationsPlugin } from './operations/plugin';
import type { OperationId } from './operations/table';

/** Limits of callers; absent ones are those of the contract. */
export type LimitSettings = Partial<CallerLimitSettings & { readonly connectionsPerAddress: number }>;

/** Limits where nothing else is said. */
export const DEFAULT_LIMITS = {
  ratePerSecond: 0,
  rateBurst: 0,
  callerConcurrency: 64,
  requestsPerDay: 0,
  connectionsPerAddress: 256,
} as const satisfies Required<LimitSettings>;

/** What stands before the routes. */
export interface GuardParts {
  readonly health: HealthState;
  readonly open: OpenRequests;
  readonly access: AccessControl;
  readonly limiter: CallerLimiter;
  readonly connectionsPerAddress: number;
  readonly maxRequestBytes: number;
  readonly audit: AuditLog | undefined;
  /** Told of each operation that has a route. */
  readonly served: (id: OperationId) => void;
}

/** Registers everything that a request passes before it reaches its route. */
export async function guard(app: FastifyInstance, parts: GuardParts): Promise<void> {
  const { health, open, access, limiter, connectionsPerAddress, maxRequestBytes, audit, served } = parts;
  await app.register(limitsPlugin);
  const modelOf = ({ servedModel, params }: FastifyRequest): string | undefined =>
    servedModel?.name ?? (params as ResourceParams).name;
  await app.register(drainPlugin, { health, open, modelOf });
  await app.register(methodsPlugin);
  await app.register(operationsPlugin, { served });
  await app.register(tracePlugin);
  if (audit) await app.register(auditPlugin, { audit, answering: (request) => request.servedModel });
  await app.register(authPlugin, { access });
  await app.register(callerLimitsPlugin, { limiter, connectionsPerAddress });
  await app.register(decompressionPlugin, { maxRequestBytes });
  await app.register(bodyPiecesPlugin);
}

/** What connections are secured with, at first and after each change. */
function contextOf({ cert, key, ca }: TlsMaterial): SecureContextOptions {
  return { cert, key, ...(ca === undefined ? {} : { ca }), minVersion: MIN_TLS_VERSION };
}

/** Options of a listener that its limits and perhaps TLS are on. */
export function listenerOptions(maxRequestBytes: number, tls: TlsMaterial | undefined): FastifyHttpOptions<Server> {
  const options = hardenedOptions(maxRequestBytes);
  if (tls === undefined) return options;
  const { http, ...rest } = options;
  const secured = { ...http, ...contextOf(tls) };
  // Asked for, not demanded: probes have none, and a caller may have a key instead.
  const https = { ...secured, requestCert: tls.ca !== undefined, rejectUnauthorized: false };
  return { ...rest, https } as FastifyHttpOptions<Server>;
}

/** Lets a listener speak TLS with what its files say from now on. Connections that are open go on as they began. */
export function followTls({ server }: FastifyInstance, changes: TlsChanges | undefined): void {
  changes?.onChange((material) => {
    if (server instanceof TlsServer) server.setSecureContext(contextOf(material));
  });
}
