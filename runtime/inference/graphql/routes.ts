import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { INFERENCE_ENV, PATHS } from '../../contract';
import { ERROR_CODE_HEADER, toRequestError } from '../../shared/error-plugin';
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

/** Answers errors in the form of GraphQL, with the headers of every other. */
function errorHandler(maxRequestBytes: number) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = toRequestError(thrown, maxRequestBytes);
    if (error.status >= 500 && error.cause !== undefined) {
      request.log.error({ err: error.cause, code: error.code }, error.message);
    }
    if (error.retryAfter !== undefined) void reply.header('retry-after', String(error.retryAfter));
    if (error.status === 401) void reply.header('www-authenticate', 'Bearer');
    void reply.code(error.status).header(ERROR_CODE_HEADER, error.code).type(typeFor(request));
    return reply.send(JSON.stringify({ errors: [wireError(error)] }));
  };
}

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
    app.setErrorHandler(errorHandler(maxRequestBytes));
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
