import { SpanStatusCode, context, trace } from '@opentelemetry/api';
import type { Context, Link, Span } from '@opentelemetry/api';
import { tracer } from './tracing';

/** One request of a batch: its trace, and milliseconds for which it waited. */
export interface BatchMember {
  readonly trace: Context | undefined;
  readonly waitedMs: number;
}

/** What is going on with a batch. */
export interface BatchTrace {
  /** Its work is handed to the process that runs the model. */
  host(): void;
  /** It is over. */
  end(failed: boolean): void;
}

const NOTHING: BatchTrace = { host: () => undefined, end: () => undefined };

interface Recording {
  readonly above: Context;
  readonly span: Span;
  readonly waitedMs: number;
}

function recordings(members: readonly BatchMember[]): Recording[] {
  return members.flatMap(({ trace: above, waitedMs }) => {
    if (above === undefined) return [];
    const span = trace.getSpan(above);
    return span?.isRecording() ? [{ above, span, waitedMs }] : [];
  });
}

/**
 * Spans of a batch: `queue` below each request for the time that it waited, then one `batch` with a link to every request,
 * and `host` below it for the run. Costs nothing but a look at each member while nothing is recorded.
 */
export function traceBatch(members: readonly BatchMember[]): BatchTrace {
  const recorded = recordings(members);
  const [first] = recorded;
  if (first === undefined) return NOTHING;
  const now = Date.now();
  for (const { above, waitedMs } of recorded) {
    tracer()
      .startSpan('queue', { startTime: now - waitedMs }, above)
      .end(now);
  }
  const links: Link[] = recorded.map(({ span }) => ({ context: span.spanContext() }));
  const attributes = { 'lnmt.batch.requests': members.length };
  const batch = tracer().startSpan('batch', { links, attributes }, first.above);
  let host: Span | undefined;
  return {
    host: () => {
      host = tracer().startSpan('host', {}, trace.setSpan(context.active(), batch));
    },
    end: (failed) => {
      for (const span of [host, batch]) {
        if (failed) span?.setStatus({ code: SpanStatusCode.ERROR });
        span?.end();
      }
    },
  };
}
