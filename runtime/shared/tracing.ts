import {
  ProxyTracerProvider,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  context,
  isSpanContextValid,
  trace,
} from '@opentelemetry/api';
import type { Attributes, Context, Span, SpanContext, Tracer } from '@opentelemetry/api';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { countedStatus } from './error-plugin';
import { whenOver } from './when-over';

declare module 'fastify' {
  interface FastifyRequest {
    /** Trace that the request belongs to; absent on public routes. */
    trace: Context | null;
  }
}

const TRACER = 'lnmt';
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const INVALID_VERSION = 'ff';
const VERSION_0 = '00';

/** The tracer of the process; does nothing until {@link startTracing}. */
export const tracer = (): Tracer => trace.getTracer(TRACER);

/** True once something takes spans: before that a tracer makes none that records. */
function isTracing(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer(TRACER) !== undefined;
}

/**
 * The place in a trace that a W3C `traceparent` names; undefined when it names none.
 * @see https://www.w3.org/TR/trace-context/
 */
export function parseTraceparent(header: unknown): SpanContext | undefined {
  const match = typeof header === 'string' && header.length <= 128 ? TRACEPARENT.exec(header) : null;
  if (match === null) return undefined;
  const [, version, traceId = '', spanId = '', flags = '', rest] = match;
  if (version === INVALID_VERSION || (version === VERSION_0 && rest !== undefined)) return undefined;
  const parent: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
  };
  return isSpanContextValid(parent) ? parent : undefined;
}

/** Begins the span of a request, below the one that its caller named. */
export function startRequestSpan(name: string, traceparent: unknown, attributes: Attributes): Context {
  const parent = parseTraceparent(traceparent);
  const above = parent === undefined ? context.active() : trace.setSpanContext(context.active(), parent);
  return trace.setSpan(above, tracer().startSpan(name, { kind: SpanKind.SERVER, attributes }, above));
}

/** Ends the span of a context. */
export function endSpan(spanned: Context, attributes: Attributes, failed: boolean): void {
  const span = trace.getSpan(spanned);
  if (span === undefined) return;
  span.setAttributes(attributes);
  if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** Runs work in a span below the given context; the span fails with the work. */
export async function inSpan<T>(
  name: string,
  above: Context | null,
  options: { readonly links?: readonly SpanContext[]; readonly attributes?: Attributes },
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const { attributes, links = [] } = options;
  const span = tracer().startSpan(
    name,
    { links: links.map((each) => ({ context: each })), ...(attributes ? { attributes } : {}) },
    above ?? context.active(),
  );
  try {
    return await work(span);
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

/** Trace of a context, as log lines carry it; undefined outside a trace. */
export function traceFields(of: Context | null): { readonly trace_id: string; readonly span_id: string } | undefined {
  const span = of === null ? undefined : trace.getSpanContext(of);
  if (span === undefined || !isSpanContextValid(span)) return undefined;
  return { trace_id: span.traceId, span_id: span.spanId };
}

/** Trace of a request, for whatever names it. */
export const traceIdOf = (request: FastifyRequest): string | undefined => traceFields(request.trace)?.trace_id;

/** Gives every request that is not open to anyone its span, and every line of its log the trace. */
export const tracePlugin = fp(
  async (app) => {
    app.decorateRequest('trace', null);
    app.addHook('onRequest', (request, reply, done) => {
      const { access, operation = 'request' } = request.routeOptions.config;
      if (access === undefined || access === 'public') return done();
      // Nobody records, and the caller names no trace that log lines could carry.
      if (!isTracing() && request.headers['traceparent'] === undefined) return done();
      const spanned = startRequestSpan(operation, request.headers['traceparent'], {
        'http.request.method': request.method,
        'http.route': request.routeOptions.url ?? '',
      });
      request.trace = spanned;
      const fields = traceFields(spanned);
      if (fields !== undefined) request.log = request.log.child(fields);
      whenOver(reply, (gone) => {
        const status = countedStatus(reply);
        endSpan(spanned, { 'http.response.status_code': status }, gone || status >= 500);
      });
      done();
    });
  },
  { name: 'lnmt-trace', fastify: '5.x' },
);
