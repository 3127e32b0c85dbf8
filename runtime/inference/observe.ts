import { finished } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { METRICS } from '../contract';
import type { MetricSet } from '../shared/metrics';
import type { ModelIdentity } from './data-plane';
import type { ModelParams } from './routes/models';
import type { QueueObserver } from './batching/batcher';

/** The metrics of this server. */
export type ServerMetrics = MetricSet<typeof METRICS>;

/** Label of a model or version that is not served: what clients invent must not make new series. */
export const OTHER = 'other';

/** Status in the label of a request whose client left, as nginx has it. */
export const CLIENT_GONE = '499';

function labelsOf({ name, version }: ModelParams, model: ModelIdentity): { model: string; version: string } {
  if (name !== model.name) return { model: OTHER, version: OTHER };
  return { model: name, version: version === undefined || version === model.version ? model.version : OTHER };
}

/**
 * Counts and times every inference request, once its answer is out or its client gone. Call it before any hook that
 * refuses requests: a refused one counts too.
 */
export function observeRequests(app: FastifyInstance, metrics: ServerMetrics, model: ModelIdentity): void {
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.access !== 'infer') return;
    const labels = labelsOf(request.params as ModelParams, model);
    const stop = metrics.inferenceDuration.startTimer(labels);
    finished(reply.raw, (error) => {
      const code = error ? CLIENT_GONE : String(reply.statusCode);
      metrics.inferenceRequests.inc({ ...labels, code });
      const seconds = stop();
      request.log.debug({ key: request.principal?.id, code, seconds }, 'inference');
    });
  });
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
