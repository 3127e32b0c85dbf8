import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { scopeOf } from './access-control';
import type { Access, AccessControl, Attempt, Judge } from './access-control';
import type { Principal } from './api-keys';
import { peerCertificate, presentedKey, refuseRepeatedHeaders } from './credentials';

export type { Access } from './access-control';
export { presentedKey } from './credentials';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Stated by every route; a server with a route that does not state it refuses to start. */
    access?: Access;
    /** Id of the operation that the route carries out. */
    operation?: string;
  }
  interface FastifyRequest {
    /** Who the request comes from; absent on public routes and where authentication is off. */
    principal: Principal | null;
    /** The model that the caller asked for, once a body has said it; absent where the path or nothing says it. */
    askedModel: AskedModel | null;
    /**
     * Asks again once a body has said which model it is about, where the path does not say it.
     *
     * @throws RequestError 403
     */
    permitModel(model: string, version?: string): void;
    /** Whether a model of a list is shown to the caller. */
    showsModel(model: string, version?: string): boolean;
    /** Judges the version that answers; undefined where nobody has to. */
    judgeModel(model: string, version?: string): Judge | undefined;
  }
}

/** Options of {@link authPlugin}. */
export interface AuthOptions {
  /** Decides who may go on. */
  readonly access: AccessControl;
}

/** Names in the path that a decision may depend on. */
export interface ResourceParams {
  readonly name?: string;
  readonly version?: string;
}

/** A model as its caller named it: it need not exist. */
export interface AskedModel {
  readonly name: string;
  readonly version?: string | undefined;
}

/** What a request can be asked once its body has said which model it is about. */
function decorate(app: FastifyInstance, control: AccessControl): void {
  app.decorateRequest('askedModel', null);
  const attemptOf = (request: FastifyRequest, model: string, version?: string): Attempt | undefined => {
    const { access: stated, operation = '' } = request.routeOptions.config;
    const access = scopeOf(stated);
    return access && { operation, access, model, version };
  };
  app.decorateRequest('permitModel', function (this: FastifyRequest, model: string, version?: string): void {
    this.askedModel = { name: model, version };
    const attempt = attemptOf(this, model, version);
    if (attempt !== undefined) control.permit(this.principal, attempt);
  });
  app.decorateRequest('showsModel', function (this: FastifyRequest, model: string, version?: string): boolean {
    const attempt = attemptOf(this, model, version);
    return attempt === undefined || control.shows(this.principal, attempt);
  });
  app.decorateRequest('judgeModel', function (this: FastifyRequest, model: string, version?: string) {
    const attempt = attemptOf(this, model, version);
    return attempt && control.judge(this.principal, attempt);
  });
}

/** Holds every route to its declared access. */
export const authPlugin = fp<AuthOptions>(
  async (app, options) => {
    app.decorateRequest('principal', null);
    const { access: control } = options;
    decorate(app, control);
    app.addHook('onRoute', (route) => {
      if (route.config?.access === undefined) throw new Error(`route ${route.url} declares no access; this is a bug`);
    });
    const judge = (request: FastifyRequest, access: Access, principal: Principal | null): void => {
      const { operation = request.routeOptions.url ?? '' } = request.routeOptions.config;
      const { name: model, version } = request.params as ResourceParams;
      // Known before it is judged: the audit log names those too who may not.
      request.principal = principal;
      const scope = scopeOf(access);
      if (scope !== undefined) control.permit(principal, { operation, access: scope, model, version });
    };
    app.addHook('onRequest', (request, _reply, done) => {
      refuseRepeatedHeaders(request.raw.rawHeaders);
      const { access } = request.routeOptions.config;
      // Unknown paths have no route and end in the 404 handler.
      if (access === undefined || access === 'public' || !control.enabled) return done();
      const presented = presentedKey(request.headers);
      const found = control.authenticate({ presented, certificate: peerCertificate(request.raw.socket) });
      if (!(found instanceof Promise)) {
        judge(request, access, found);
        return done();
      }
      found.then((principal) => judge(request, access, principal)).then(() => done(), done);
    });
  },
  { name: 'lnmt-auth', fastify: '5.x', dependencies: ['lnmt-errors'] },
);
