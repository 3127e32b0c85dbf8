import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { AskedModel, ResourceParams } from './auth';
import type { Principal } from './api-keys';
import type { AuditLog } from './audit';
import { callerKey } from './caller-limits';
import { countedStatus } from './error-plugin';
import { traceIdOf } from './tracing';
import { whenOver } from './when-over';

/** Whom an entry names. */
export const auditedCaller = (principal: Principal | null): string =>
  principal === null ? 'anonymous' : callerKey(principal);

/** Options of {@link auditPlugin}. */
export interface AuditOptions {
  readonly audit: AuditLog;
  /** The model that answers, where the path does not name it. @default - as it was asked for */
  readonly answering?: (request: FastifyRequest) => AskedModel | null;
}

/** The model as the path names it, else that which answers, else that which was asked for and perhaps refused. */
function subjectOf(request: FastifyRequest, { answering }: AuditOptions): Partial<AskedModel> {
  const inPath = request.params as ResourceParams;
  if (inPath.name !== undefined) return inPath;
  return answering?.(request) ?? request.askedModel ?? inPath;
}

/** Writes every operation that is not open to anyone into the audit log, refused ones too. */
export const auditPlugin = fp<AuditOptions>(
  async (app, options) => {
    const { audit } = options;
    app.addHook('onRequest', (request, reply, done) => {
      const { access, operation } = request.routeOptions.config;
      if (access === undefined || access === 'public') return done();
      whenOver(reply, (gone) => {
        const { name: model, version } = subjectOf(request, options);
        audit.record({
          ...{ operation: operation ?? '', transport: 'http', model, version, request: request.id },
          caller: auditedCaller(request.principal),
          outcome: gone ? 'client left' : String(countedStatus(reply)),
          trace: traceIdOf(request),
        });
      });
      done();
    });
  },
  { name: 'lnmt-audit', fastify: '5.x', dependencies: ['lnmt-errors'] },
);
