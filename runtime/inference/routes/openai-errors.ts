import type { FastifyReply, FastifyRequest } from 'fastify';
import { ERROR_CODE_HEADER, toRequestError } from '../../shared/error-plugin';
import type { RequestError } from '../../shared/errors';
import { ParameterError } from '../text/errors';

/** The body of an error as the clients of OpenAI read it. */
export interface OpenAiError {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
  };
}

const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
};

/** An error in the form of this API. */
export function openAiError(error: RequestError): OpenAiError {
  const type = TYPES[error.status] ?? (error.status >= 500 ? 'server_error' : 'invalid_request_error');
  const param = error instanceof ParameterError ? error.param : null;
  return { error: { message: error.message, type, param, code: error.code } };
}

/** Answers errors in the form of this API, with the headers of every other. */
export function openAiErrorHandler(maxRequestBytes: number) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = toRequestError(thrown, maxRequestBytes);
    if (error.status >= 500 && error.cause !== undefined) {
      request.log.error({ err: error.cause, code: error.code }, error.message);
    }
    if (error.retryAfter !== undefined) void reply.header('retry-after', String(error.retryAfter));
    if (error.status === 401) void reply.header('www-authenticate', 'Bearer');
    return reply.code(error.status).header(ERROR_CODE_HEADER, error.code).send(openAiError(error));
  };
}
