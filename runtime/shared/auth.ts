import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Counter } from 'prom-client';
import type { Principal, Scope } from './api-keys';
import { forbidden, unauthenticated } from './errors';

/** Who may use a route: anyone, or the holder of a key with this scope. */
export type Access = 'public' | Scope;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Stated by every route; a server with a route that does not state it refuses to start. */
    access?: Access;
  }
  interface FastifyRequest {
    /** Who the request comes from; absent on public routes and where authentication is off. */
    principal: Principal | null;
  }
}

/** Options of {@link authPlugin}. */
export interface AuthOptions {
  /** Looks a presented key up; absent where authentication is off. */
  readonly keys?: { find(presented: string, now: number): Principal | undefined };
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Counts refusals by reason. */
  readonly failures: Counter<'reason'>;
}

const MAX_KEY_LENGTH = 512;

/** The key that a request presents, from `Authorization: Bearer` or `X-API-Key`. */
export function presentedKey(headers: FastifyRequest['headers']): string | undefined {
  const direct = headers['x-api-key'];
  const bearer = /^Bearer ([^\s]+)$/i.exec(headers.authorization ?? '')?.[1];
  const key = bearer ?? (typeof direct === 'string' ? direct : undefined);
  return key !== undefined && key.length > 0 && key.length <= MAX_KEY_LENGTH ? key : undefined;
}

function authorize(request: FastifyRequest, access: Scope, options: AuthOptions): Principal {
  const key = presentedKey(request.headers);
  const principal = key === undefined ? undefined : options.keys?.find(key, options.now());
  if (principal === undefined) {
    options.failures.inc({ reason: key === undefined ? 'missing' : 'invalid' });
    throw unauthenticated();
  }
  if (!principal.scopes.has(access)) {
    options.failures.inc({ reason: 'scope' });
    throw forbidden(access);
  }
  return principal;
}

/** Holds every route to its declared access. */
export const authPlugin = fp<AuthOptions>(
  async (app, options) => {
    app.decorateRequest('principal', null);
    app.addHook('onRoute', (route) => {
      if (route.config?.access === undefined) throw new Error(`route ${route.url} declares no access; this is a bug`);
    });
    app.addHook('onRequest', async (request) => {
      const access = request.routeOptions.config.access;
      // Unknown paths have no route and end in the 404 handler.
      if (access === undefined || access === 'public' || options.keys === undefined) return;
      request.principal = authorize(request, access, options);
    });
  },
  { name: 'lnmt-auth', fastify: '5.x', dependencies: ['lnmt-errors'] },
);
