import fp from 'fastify-plugin';
import type { ResourceParams } from './auth';
import type { Principal } from './api-keys';
import type { AuditLog } from './audit';
import { callerKey } from './caller-limits';
import { traceIdOf } from './tracing';
import { whenOver } from './when-over';

/** Whom an entry names. */
export const auditedCaller = (principal: Principal | null): string =>
  principal === null ? 'anonymous' : callerKey(principal);

/** Writes every operation that is not open to anyone into the audit log, refused ones too. */
export const auditPlugin = fp<{ readonly audit: AuditLog }>(
  async (app, { audit }) => {
    app.addHook('onRequest', (request, reply, done) => {
      const { access, operation } = request.routeOptions.config;
      if (access === undefined || access === 'public') return done();
      whenOver(reply, (gone) => {
        const { name: model, version } = request.params as ResourceParams;
        audit.record({
          ...{ operation: operation ?? '', transport: 'http', model, version, request: request.id },
          caller: auditedCaller(request.principal),
          outcome: gone ? 'client left' : String(reply.statusCode),
          trace: traceIdOf(request),
        });
      });
      done();
    });
  },
  { name: 'lnmt-audit', fastify: '5.x', dependencies: ['lnmt-errors'] },
);
