import { performance } from 'node:perf_hooks';
import fastify from 'fastify';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { collectDefaultMetrics } from 'prom-client';
import type { Registry } from 'prom-client';
import { METRICS } from '../contract';
import { Admission } from '../shared/admission';
import { authPlugin } from '../shared/auth';
import type { AuthOptions } from '../shared/auth';
import { drainPlugin } from '../shared/drain';
import { errorPlugin } from '../shared/error-plugin';
import { HealthState } from '../shared/health';
import { healthRoutes } from '../shared/health-routes';
import { hardenedOptions, limitsPlugin } from '../shared/limits';
import { buildMetrics } from '../shared/metrics';
import { buildMetricsServer } from '../shared/metrics-server';
import type { Backend } from './backends/backend';
import { Batcher } from './batching/batcher';
import type { BatchSettings } from './batching/batcher';
import type { InferenceConfig } from './config';
import { DataPlane } from './data-plane';
import { initialise, observeQueue, observeRequests } from './observe';
import type { ServerMetrics } from './observe';
import { inferRoutes } from './routes/infer';
import { modelRoutes } from './routes/models';

/** What the server is given from outside. */
export interface ServerDeps {
  readonly backend: Backend;
  readonly log: FastifyBaseLogger;
  readonly registry: Registry;
  /** Looks API keys up; absent where authentication is off. */
  readonly keys?: AuthOptions['keys'];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A server that does not listen yet. */
export interface InferenceServer {
  /** Inference, metadata and health. */
  readonly app: FastifyInstance;
  /** Prometheus exposition, for a port of its own. */
  readonly metricsApp: FastifyInstance;
  readonly health: HealthState;
  readonly admission: Admission;
  /** Loads the model from its verified file; the server is ready afterwards. */
  load(file: string): Promise<void>;
}

type SizedConfig = Pick<InferenceConfig, 'modelName' | 'modelVersion' | 'maxRequestBytes' | 'maxConcurrency'> & {
  /**
   * How requests are put together.
   * @default - what was measured at load
   */
  readonly batching?: BatchSettings;
};

function buildPlane(config: SizedConfig, backend: Backend, metrics: ServerMetrics): DataPlane {
  const model = { name: config.modelName, version: config.modelVersion };
  initialise(metrics, model);
  const observer = observeQueue(metrics, model);
  const batcher = new Batcher(backend, observer, () => performance.now(), config.batching);
  return new DataPlane(model, backend, batcher);
}

async function buildApp(
  config: SizedConfig,
  deps: ServerDeps,
  parts: { plane: DataPlane; health: HealthState; admission: Admission; metrics: ServerMetrics },
): Promise<FastifyInstance> {
  const { plane, health, admission, metrics } = parts;
  const app: FastifyInstance = fastify({ ...hardenedOptions(config.maxRequestBytes), loggerInstance: deps.log });
  await app.register(errorPlugin, { maxRequestBytes: config.maxRequestBytes });
  observeRequests(app, metrics, plane.model);
  await app.register(limitsPlugin);
  await app.register(drainPlugin, { health });
  await app.register(authPlugin, { keys: deps.keys, now: deps.now, failures: metrics.authFailures });
  await app.register(healthRoutes(health));
  await app.register(modelRoutes(plane));
  await app.register(inferRoutes({ plane, admission }));
  return app;
}

/** Builds the server from its settings and parts. Nothing listens and nothing is loaded yet. */
export async function buildServer(config: SizedConfig, deps: ServerDeps): Promise<InferenceServer> {
  const metrics = buildMetrics(METRICS, deps.registry);
  const plane = buildPlane(config, deps.backend, metrics);
  const health = new HealthState(() => plane.ready);
  const admission = new Admission(config.maxConcurrency, health);
  const app = await buildApp(config, deps, { plane, health, admission, metrics });
  const labels = { model: config.modelName, version: config.modelVersion };
  const metricsApp = await buildMetricsServer(deps.registry, () =>
    metrics.modelReady.set(labels, health.ready ? 1 : 0),
  );
  collectDefaultMetrics({ register: deps.registry });
  const load = async (file: string): Promise<void> => {
    const started = performance.now();
    await plane.load(file);
    metrics.modelLoadDuration.set(labels, (performance.now() - started) / 1000);
    health.markStarted();
  };
  return { app, metricsApp, health, admission, load };
}
