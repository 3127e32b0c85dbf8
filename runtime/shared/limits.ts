import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { LogController } from 'fastify';
import type { FastifyHttpOptions } from 'fastify';
import fp from 'fastify-plugin';
import { sendError } from './error-plugin';
import { badRequest, requestHeadTooLarge } from './errors';
import { partGently } from './parting';

/** What a request may cost before its content is looked at. Sizes in bytes, times in milliseconds. */
export const HTTP_LIMITS = {
  headerBytes: 16 * 1024,
  headers: 100,
  urlBytes: 4 * 1024,
  /** Nesting of a JSON body. */
  jsonDepth: 64,
  /** For all headers to arrive. */
  headersTimeout: 10_000,
  /** For the whole request to arrive. */
  requestTimeout: 30_000,
  /** For a client to take more of its answer. */
  stallTimeout: 30_000,
  /** How often the first two are enforced. */
  checkInterval: 1_000,
  /** Longer than the idle timeout of common load balancers (60 s), so that they close first. */
  keepAliveTimeout: 75_000,
} as const;

const PROTOCOL_STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** Answers what is not HTTP enough to become a request, in the form of every other error. */
function answerProtocolError(
  error: { readonly code?: string },
  socket: Pick<Socket, 'writable' | 'end' | 'destroy'>,
): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const status = PROTOCOL_STATUS[error.code ?? ''] ?? '400 Bad Request';
  const body = JSON.stringify({ error: badRequest('the request cannot be read').message });
  const head = `content-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close`;
  socket.end(`HTTP/1.1 ${status}\r\n${head}\r\n\r\n${body}`);
}

/** Fastify options that make the limits hold: its own defaults leave all timeouts off. */
export function hardenedOptions(maxRequestBytes: number): FastifyHttpOptions<Server> {
  return {
    bodyLimit: maxRequestBytes,
    requestTimeout: HTTP_LIMITS.requestTimeout,
    connectionTimeout: HTTP_LIMITS.stallTimeout,
    keepAliveTimeout: HTTP_LIMITS.keepAliveTimeout,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    clientErrorHandler: answerProtocolError,
    frameworkErrors: (_error, _request, reply) => void sendError(reply, badRequest('the URL cannot be read')),
    trustProxy: false,
    routerOptions: { maxParamLength: 128, caseSensitive: true },
    http: {
      maxHeaderSize: HTTP_LIMITS.headerBytes,
      headersTimeout: HTTP_LIMITS.headersTimeout,
      connectionsCheckingInterval: HTTP_LIMITS.checkInterval,
    },
  };
}

/** What an answer tells a browser that meets it: do not guess, embed, run, share or remember anything. */
const SECURITY_HEADERS = [
  ['x-content-type-options', 'nosniff'],
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ['cross-origin-resource-policy', 'same-origin'],
  ['referrer-policy', 'no-referrer'],
  ['x-frame-options', 'DENY'],
] as const;

const FIRST_REFUSAL = 400;

/** Nothing moves on a connection: it ends when its client does not read, and stays while its answer is in the making. */
function endWhenStalled(socket: Socket): void {
  if (socket.writableLength > 0) socket.destroy();
}

/** Refuses requests whose head is too large, and marks every answer as not to be sniffed or stored. */
export const limitsPlugin = fp(
  async (app) => {
    // Hooks take `done` here and elsewhere: a promise for each of them costs every request more than their work.
    app.addHook('onRequest', (request, reply, done) => {
      reply.raw.on('timeout', endWhenStalled);
      void reply.header('x-request-id', request.id);
      void reply.header('cache-control', 'no-store');
      for (const [name, value] of SECURITY_HEADERS) void reply.header(name, value);
      // Names and values alternate in rawHeaders.
      if (request.raw.rawHeaders.length > 2 * HTTP_LIMITS.headers) {
        throw requestHeadTooLarge(`more than ${HTTP_LIMITS.headers} headers`);
      }
      if (request.url.length > HTTP_LIMITS.urlBytes) {
        throw requestHeadTooLarge(`the URL is longer than ${HTTP_LIMITS.urlBytes} bytes`);
      }
      done();
    });
    app.addHook('onSend', (request, reply, payload, done) => {
      if (reply.statusCode >= FIRST_REFUSAL && !request.raw.complete) partGently(request.raw);
      done(null, payload);
    });
  },
  { name: 'lnmt-limits', fastify: '5.x', dependencies: ['lnmt-errors'] },
);
