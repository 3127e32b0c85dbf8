import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { INFERENCE_ENV, PATHS } from '../../contract';
import { errorHandler } from '../../shared/error-plugin';
import type { WriteError } from '../../shared/error-plugin';
import { loadOptional } from '../../shared/optional-package';
import { attributeOf } from '../routes/attribute';
import { departure } from '../routes/departure';
import type { FieldContext, GraphQlDeps } from './context';
import { Executor, wireError } from './execute';
import { readGraphQl } from './request';
import { writeJson } from './scalars';
import { schemaOf } from './schema-of';

const PACKAGE = 'graphql';
const JSON_TYPE = 'application/json';
/** Media type of answers, for clients that name it. @see https://graphql.github.io/graphql-over-http/ */
const RESPONSE_TYPE = 'application/graphql-response+json';

function contextOf(request: FastifyRequest, reply: FastifyReply): FieldContext {
  const { principal, ip: address, id, trace } = request;
  const [signal, attribute] = [departure(reply), attributeOf(request)];
  return { principal, address, request: id, trace, signal, attribute, asked: 0 };
}

function typeFor(request: FastifyRequest): string {
  const type = request.headers.accept?.includes(RESPONSE_TYPE) === true ? RESPONSE_TYPE : JSON_TYPE;
  return `${type}; charset=utf-8`;
}

/** An error in the form of GraphQL. */
const writeError: WriteError = (error, reply) => {
  void reply.type(typeFor(reply.request));
  return JSON.stringify({ errors: [wireError(error)] });
};

/**
 * Every operation as GraphQL, at one route that takes POST only.
 *
 * @throws StartError LNMT8103 without the package, LNMT8108 where schema and operation table differ
 */
export function graphQlRoutes(deps: GraphQlDeps, maxRequestBytes: number): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    const library = await loadOptional(() => import('graphql'), PACKAGE, INFERENCE_ENV.graphql.name);
    const executor = new Executor(library, schemaOf(library, deps), deps, (error) =>
      app.log.error({ err: error.cause, code: error.code }, error.message),
    );
    app.setErrorHandler(errorHandler(maxRequestBytes, writeError));
    app.removeAllContentTypeParsers();
    // No other media type: a browser sends this one to another site only after asking.
    app.addContentTypeParser(JSON_TYPE, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    app.post(PATHS.graphql, { config: { access: 'caller' } }, async (request: FastifyRequest, reply) => {
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const context = contextOf(request, reply);
      const answer = await writeJson(await executor.execute(readGraphQl(body), context), context.signal);
      return reply.type(typeFor(request)).send(answer);
    });
  };
}
