import type { FastifyInstance } from 'fastify';
import type { METRICS } from '../contract';
import type { MetricSet } from '../shared/metrics';
import { whenOver } from '../shared/when-over';
import type { ModelIdentity } from './data-plane';
import type { ModelParams } from './routes/models';
import type { QueueObserver } from './batching/batcher';
import type { TextObserver } from './text/model';

declare module 'fastify' {
  interface FastifyRequest {
    /** The model that answers, where the body and not the path says which. */
    servedModel: ModelIdentity | null;
  }
}

/** The metrics of this server. */
export type ServerMetrics = MetricSet<typeof METRICS>;

/** Label of a model or version that is not served: what clients invent must not make new series. */
export const OTHER = 'other';

/** Status in the label of a request whose client left, as nginx has it. */
export const CLIENT_GONE = '499';

/** Tells the models that are served from those that clients invent. */
export interface KnownModels {
  /** True for the name of a model. */
  has(name: string): boolean;
  /** The version that is meant; undefined for one that is not served. */
  known(name: string, version: string | undefined): ModelIdentity | undefined;
}

function labelsOf({ name, version }: ModelParams, models: KnownModels): { model: string; version: string } {
  const known = models.known(name, version);
  if (known !== undefined) return { model: known.name, version: known.version };
  return { model: models.has(name) ? name : OTHER, version: OTHER };
}

/**
 * Counts and times every inference request, once its answer is out or its client gone. Call it before any hook that
 * refuses requests: a refused one counts too.
 */
export function observeRequests(app: FastifyInstance, metrics: ServerMetrics, models: KnownModels): void {
  app.decorateRequest('servedModel', null);
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.access !== 'infer') return;
    const stop = metrics.inferenceDuration.startTimer();
    whenOver(reply, (gone) => {
      const labels = labelsOf(request.servedModel ?? (request.params as ModelParams), models);
      const code = gone ? CLIENT_GONE : String(reply.statusCode);
      metrics.inferenceRequests.inc({ ...labels, code });
      const seconds = stop(labels);
      request.log.debug({ key: request.principal?.id, code, seconds }, 'inference');
    });
  });
}

/** Counts and times every inference call of a transport that has no hooks: status as HTTP has it, and seconds. */
export function observeCalls(
  metrics: ServerMetrics,
  models: KnownModels,
): (
  subject: { readonly model?: string | undefined; readonly version?: string | undefined },
  code: string,
  seconds: number,
) => void {
  return ({ model: name = '', version }, code, seconds) => {
    const labels = labelsOf({ name, ...(version === undefined ? {} : { version }) }, models);
    metrics.inferenceRequests.inc({ ...labels, code });
    metrics.inferenceDuration.observe(labels, seconds);
  };
}

/** Lets the series exist before the first request: an autoscaler takes a missing one for an error. */
export function initialise(metrics: ServerMetrics, { name, version }: ModelIdentity): void {
  metrics.inferenceRequests.inc({ model: name, version, code: '200' }, 0);
  metrics.queueDepth.set({ model: name, version }, 0);
  metrics.modelReady.set({ model: name, version }, 0);
}

/** Reports the queue of a model. */
export function observeQueue(metrics: ServerMetrics, { name, version }: ModelIdentity): QueueObserver {
  const labels = { model: name, version };
  const depth = metrics.queueDepth.labels(labels);
  const waited = metrics.queueDuration.labels(labels);
  const ran = metrics.computeDuration.labels(labels);
  const size = metrics.batchSize.labels(labels);
  return {
    depth: (waiting) => depth.set(waiting),
    waited: (seconds) => waited.observe(seconds),
    ran: (seconds, requests) => {
      ran.observe(seconds);
      size.observe(requests);
    },
    dropped: (reason) => metrics.queueDropped.inc({ ...labels, reason }),
  };
}

/** Reports the text side of a model. */
export function observeText(metrics: ServerMetrics, { name, version }: ModelIdentity): TextObserver {
  const labels = { model: name, version };
  return {
    prompt: (tokens) => metrics.promptTokens.inc(labels, tokens),
    tokens: (count) => metrics.generatedTokens.inc(labels, count),
    first: (seconds) => metrics.timeToFirstToken.observe(labels, seconds),
    cache: (bytes) => metrics.kvCacheReserved.set(labels, bytes),
  };
}
