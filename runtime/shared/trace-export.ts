import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { loadOptional } from './optional-package';

const SDK = '@opentelemetry/sdk-trace-node';
const EXPORTER = '@opentelemetry/exporter-trace-otlp-http';

/** A collector that does not answer must not hold the end of the process up. */
const FLUSH_MS = 3_000;

/** Options of {@link startTracing}. */
export interface TraceExportOptions {
  /** Name of the setting that asks for it. */
  readonly setting: string;
  /** Base URL of the collector. */
  readonly endpoint: string;
  readonly service: string;
  readonly version: string;
  readonly log: Pick<FastifyBaseLogger, 'info'>;
}

/**
 * Sends the traces of this process to a collector. What is not asked for is not even loaded: without this, spans cost
 * a function call.
 *
 * @returns flushes and ends it
 * @throws StartError LNMT8103 without the packages
 */
export async function startTracing(options: TraceExportOptions): Promise<() => Promise<void>> {
  const { setting, endpoint, service, version, log } = options;
  const sdk = await loadOptional(() => import('@opentelemetry/sdk-trace-node'), SDK, setting);
  const otlp = await loadOptional(() => import('@opentelemetry/exporter-trace-otlp-http'), EXPORTER, setting);
  const resources = await import('@opentelemetry/resources');
  const exporter = new otlp.OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` });
  const provider = new sdk.NodeTracerProvider({
    resource: resources.resourceFromAttributes({ 'service.name': service, 'service.version': version }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.AlwaysOnSampler() }),
    spanProcessors: [new sdk.BatchSpanProcessor(exporter)],
  });
  // Contexts are passed by hand: no hook into every asynchronous call.
  provider.register({ contextManager: null, propagator: null });
  log.info('traces are exported');
  const patience = (): Promise<void> => delay(FLUSH_MS, undefined, { ref: false });
  return () => Promise.race([provider.shutdown().catch(() => undefined), patience()]);
}
