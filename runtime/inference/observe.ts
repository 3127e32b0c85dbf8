import type { FastifyInstance } from 'fastify';
import { REFUSED_CALLER_CODES } from '../contract';
import type { METRICS } from '../contract';
import { countedStatus, ERROR_CODE_HEADER } from '../shared/error-plugin';
import { OVER_LIMIT } from '../shared/errors';
import type { MetricSet } from '../shared/metrics';
import { whenOver } from '../shared/when-over';
import type { ModelIdentity } from './data-plane';
import type { MetricAliases } from './metric-aliases/aliases';
import type { Tallies } from './metric-aliases/tallies';
import type { ModelParams } from './routes/models';
import type { QueueObserver } from './batching/batcher';
import type { PipelineObserver } from './pipelines/frame';
import type { TextObserver } from './text/model';

declare module 'fastify' {
  interface FastifyRequest {
    /** The model that answers, where the body and not the path says which. */
    servedModel: ModelIdentity | null;
  }
}

/** The metrics of this server. */
export type ServerMetrics = MetricSet<typeof METRICS> & {
  /** What versions have done: the statistics of models and the metrics under the names of Triton are written from it. */
  readonly tallies: Tallies;
  /** Metrics under the names of others. */
  readonly aliases: MetricAliases;
};

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
  const observed = observeCalls(metrics, models);
  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.access !== 'infer') return done();
    const started = performance.now();
    whenOver(reply, (gone) => {
      const { name: model, version } = request.servedModel ?? (request.params as ModelParams);
      const status = gone ? Number(CLIENT_GONE) : countedStatus(reply);
      const seconds = (performance.now() - started) / 1000;
      const code = request.lateError?.code ?? reply.getHeader(ERROR_CODE_HEADER);
      observed({ model, version, status, error: typeof code === 'string' ? code : undefined, seconds });
      request.log.debug({ key: request.principal?.id, code: String(status), seconds }, 'inference');
    });
    done();
  });
}

/** An inference call, once it is over. */
export interface ObservedCall {
  readonly model?: string | undefined;
  readonly version?: string | undefined;
  /** As HTTP has it. */
  readonly status: number;
  /** Stable code of its error. @default - it was answered, or nobody knows */
  readonly error?: string | undefined;
  readonly seconds: number;
}

const REFUSED: readonly string[] = REFUSED_CALLER_CODES;

/** True where a caller was refused for who it is, or for how much it asks. */
const isRefusedCaller = (code: string, error: string | undefined): boolean =>
  REFUSED.includes(code) || error === OVER_LIMIT;

/** Counts and times inference calls, whatever carries them. */
export function observeCalls(metrics: ServerMetrics, models: KnownModels): (call: ObservedCall) => void {
  return ({ model: name = '', version, status, error, seconds }) => {
    const labels = labelsOf({ name, ...(version === undefined ? {} : { version }) }, models);
    const code = String(status);
    metrics.inferenceRequests.inc({ ...labels, code });
    // Refusals take no time: among the others they would make a slow model look quick.
    if (!isRefusedCaller(code, error)) metrics.inferenceDuration.observe(labels, seconds);
    metrics.tallies.of(labels).ended(status, error, seconds);
  };
}

/** Lets the series exist before the first request: an autoscaler takes a missing one for an error. */
export function initialise(metrics: ServerMetrics, { name, version }: ModelIdentity): void {
  metrics.inferenceRequests.inc({ model: name, version, code: '200' }, 0);
  metrics.queueDepth.set({ model: name, version }, 0);
  metrics.modelReady.set({ model: name, version }, 0);
  metrics.tallies.of({ model: name, version });
}

/** Reports the queue of a model. */
export function observeQueue(metrics: ServerMetrics, { name, version }: ModelIdentity): QueueObserver {
  const labels = { model: name, version };
  const waited = metrics.queueDuration.labels(labels);
  const ran = metrics.computeDuration.labels(labels);
  const size = metrics.batchSize.labels(labels);
  const tally = metrics.tallies.of(labels);
  return {
    waited: (seconds) => waited.observe(seconds),
    ran: (seconds, requests) => {
      ran.observe(seconds);
      size.observe(requests);
    },
    dropped: (reason) => metrics.queueDropped.inc({ ...labels, reason }),
    executed: (execution) => tally.executed(execution),
  };
}

/** Reports the steps of a pipeline. */
export function observePipeline(metrics: ServerMetrics, { name: pipeline }: ModelIdentity): PipelineObserver {
  return {
    step: (step, seconds, code) => {
      metrics.pipelineStepDuration.observe({ pipeline, step }, seconds);
      if (code !== undefined) metrics.pipelineStepFailures.inc({ pipeline, step, code });
    },
    branch: (step) => metrics.pipelineBranches.inc({ pipeline, step }),
  };
}

/** Reports the text side of a model. @param cacheLimit bytes that its KV cache may take */
export function observeText(metrics: ServerMetrics, model: ModelIdentity, cacheLimit: number): TextObserver {
  const labels = { model: model.name, version: model.version };
  const alias = metrics.aliases.vllm?.observe(model);
  return {
    prompt: (tokens) => metrics.promptTokens.inc(labels, tokens),
    tokens: (count) => metrics.generatedTokens.inc(labels, count),
    first: (seconds) => {
      metrics.timeToFirstToken.observe(labels, seconds);
      alias?.first(seconds);
    },
    next: (seconds) => {
      metrics.tokenInterval.observe(labels, seconds);
      alias?.next(seconds);
    },
    active: (waiting, running) => {
      metrics.answersWaiting.set(labels, waiting);
      metrics.answersRunning.set(labels, running);
    },
    cache: (bytes) => {
      metrics.kvCacheReserved.set(labels, bytes);
      metrics.kvCacheUsage.set(labels, bytes / cacheLimit);
    },
  };
}
