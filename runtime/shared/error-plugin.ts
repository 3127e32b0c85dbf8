import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { badRequest, bodyTooLarge, internalError, notFound, RequestError, unsupportedMediaType } from './errors';

declare module 'fastify' {
  interface FastifyRequest {
    /** What ended an answer after its head was out, which says 200. */
    lateError: RequestError | null;
  }
}

/** Header that carries the stable code of an error; the body is the protocol's own form. */
export const ERROR_CODE_HEADER = 'x-error-code';

/** Turns whatever was thrown into an answer that tells a client no more than it needs. */
export function toRequestError(error: unknown, maxRequestBytes: number): RequestError {
  if (error instanceof RequestError) return error;
  const { code, statusCode } = error as Partial<FastifyError>;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return bodyTooLarge(maxRequestBytes);
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return unsupportedMediaType('this media type', 'application/json');
  if (code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH')
    return badRequest('the body is not as long as Content-Length says');
  if (code === 'ECONNRESET') return badRequest('the client left before its request was whole');
  if (code?.startsWith('Z_')) return badRequest('the body is not compressed as its header says');
  if (code?.startsWith('FST_ERR_CTP') || (code?.startsWith('FST_ERR') && statusCode === 400)) {
    return badRequest('the request cannot be read');
  }
  return internalError(error);
}

/** Writes the body of an error, and its media type where that is not JSON as Fastify sends it. */
export type WriteError = (error: RequestError, reply: FastifyReply) => unknown;

/** As the Open Inference Protocol has it. */
const writeError: WriteError = ({ message }, reply) => {
  void reply.type('application/json');
  // As bytes, to which no character set is added: KServe's client reads the message of this media type alone.
  return Buffer.from(JSON.stringify({ error: message }));
};

/** Sends an error: with the same status and headers whatever its form. @param write its form. @default - `{"error": "…"}` */
export function sendError(reply: FastifyReply, error: RequestError, write = writeError): FastifyReply {
  if (error.retryAfter !== undefined) void reply.header('retry-after', String(error.retryAfter));
  if (error.status === 401) void reply.header('www-authenticate', 'Bearer');
  void reply.code(error.status).header(ERROR_CODE_HEADER, error.code);
  return reply.send(write(error, reply));
}

/**
 * Answers whatever was thrown, and tells the log of what is a fault of ours.
 *
 * @param maxRequestBytes limit that a 413 answer names
 * @param write form of the answer. @default - `{"error": "…"}`
 */
export function errorHandler(maxRequestBytes: number, write?: WriteError) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = toRequestError(thrown, maxRequestBytes);
    if (error.status >= 500 && error.cause !== undefined) {
      request.log.error({ err: error.cause, code: error.code }, error.message);
    }
    return sendError(reply, error, write);
  };
}

/** The status that an answer counts with, wherever it is told of: what ended it late says more than its head. */
export const countedStatus = ({ request, statusCode }: FastifyReply): number => request.lateError?.status ?? statusCode;

/** Options of {@link errorPlugin}. */
export interface ErrorPluginOptions {
  /** Limit that a 413 answer names, in bytes. */
  readonly maxRequestBytes: number;
}

/** One form of error answer for every route that sets no other: `{"error": "…"}`. */
export const errorPlugin = fp<ErrorPluginOptions>(
  async (app, options) => {
    app.decorateRequest('lateError', null);
    app.setErrorHandler(errorHandler(options.maxRequestBytes));
    app.setNotFoundHandler((_request, reply) => sendError(reply, notFound()));
  },
  { name: 'lnmt-errors', fastify: '5.x' },
);
