import fastify from 'fastify';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { Admission } from '../shared/admission';
import { AccessControl } from '../shared/access-control';
import { CallerLimiter } from '../shared/caller-limits';
import { errorPlugin } from '../shared/error-plugin';
import { HealthState } from '../shared/health';
import { healthRoutes } from '../shared/health-routes';
import { LoopLag } from '../shared/loop-lag';
import { buildMetricsServer } from '../shared/metrics-server';
import type { AccessParts } from './access';
import type { InferenceConfig } from './config';
import { graphQlRoutes } from './graphql/routes';
import { GrpcServer } from './grpc/server';
import { DEFAULT_LIMITS, guard, listenerOptions } from './guard';
import type { LimitSettings } from './guard';
import { DriftMonitors } from './drift/monitors';
import type { AliasSet } from './metric-aliases/aliases';
import { observeCalls, observeRequests } from './observe';
import type { KnownModels, ServerMetrics } from './observe';
import { openApi } from './operations/openapi';
import type { OperationId } from './operations/table';
import type { Pipelines, PipelineSpec } from './pipelines';
import { buildPipelines, knownWith, refreshPipelineMetrics } from './pipelines/build';
import { processingLayer } from './processing/layer';
import { observedProcessing } from './processing/observe';
import { noResources } from './processing/processing';
import type { StepResources } from './processing/processing';
import { buildRegistry } from './registry';
import type { ModelDeps, ModelRegistry, ModelsConfig } from './registry';
import { textDirectory } from './registry/text-directory';
import { payloadLogLayer } from './payload-log/layer';
import type { PayloadLog, PayloadLogOptions } from './payload-log/payload-log';
import { descriptionRoutes } from './routes/description';
import { inferRoutes } from './routes/infer';
import { modelRoutes } from './routes/models';
import { openAiRoutes } from './routes/openai';
import { repositoryRoutes } from './routes/repository';
import { buildServerMetrics, refreshMetrics } from './server-metrics';
import type { Layer } from './serving/layer';
import { serve } from './serving/service';
import type { InferenceService } from './serving/service';
import { Statistics } from './serving/statistics';

/** What the server is given from outside. */
export interface ServerDeps extends AccessParts, ModelDeps {
  readonly log: FastifyBaseLogger;
  readonly registry: Registry;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Opens the log of payloads, told who counts its records. @default - none */
  readonly openPayloadLog?: (counted: PayloadLogOptions['counted']) => PayloadLog | undefined;
  /**
   * What the steps around models work with.
   * @default - steps that run in this process
   */
  readonly steps?: StepResources;
}

/** A server that does not listen yet. */
export interface InferenceServer {
  /** Inference, metadata and health. */
  readonly app: FastifyInstance;
  /** Prometheus exposition, for a port of its own. */
  readonly metricsApp: FastifyInstance;
  /** gRPC over the same models. */
  readonly grpc: GrpcServer;
  readonly health: HealthState;
  readonly admission: Admission;
  readonly models: ModelRegistry;
  /** To be closed when the last request is answered. */
  readonly payloadLog: PayloadLog | undefined;
  /** Brings up the required models; the server is ready afterwards. */
  start(): Promise<void>;
}

type SizedConfig = Pick<InferenceConfig, 'maxRequestBytes' | 'maxConcurrency'> & {
  /**
   * What one caller may use.
   * @default - those of {@link DEFAULT_LIMITS}
   */
  readonly [K in keyof LimitSettings]?: LimitSettings[K];
} & ModelsConfig & {
    /** Whether GraphQL is answered. @default false */
    readonly graphql?: boolean;
    /**
     * Names of others that metrics are shown under too.
     * @default triton, vllm
     */
    readonly metricAliases?: readonly AliasSet[];
    /**
     * Rows a second that are compared with the baseline of a model.
     * @default 1000
     */
    readonly driftRowsPerSecond?: number;
    /** Pipelines over the models. @default - none */
    readonly pipelines?: readonly PipelineSpec[];
  };

interface Parts {
  readonly models: ModelRegistry;
  readonly service: InferenceService;
  readonly known: KnownModels;
  readonly health: HealthState;
  readonly admission: Admission;
  readonly metrics: ServerMetrics;
  readonly access: AccessControl;
  readonly limiter: CallerLimiter;
}

async function buildApp(config: SizedConfig, deps: ServerDeps, parts: Parts): Promise<FastifyInstance> {
  const { models, service, known, health, admission, metrics } = parts;
  const { maxRequestBytes, connectionsPerAddress = DEFAULT_LIMITS.connectionsPerAddress } = config;
  const app: FastifyInstance = fastify({ ...listenerOptions(maxRequestBytes, deps.tls), loggerInstance: deps.log });
  const served = new Set<OperationId>();
  await app.register(errorPlugin, { maxRequestBytes: config.maxRequestBytes });
  observeRequests(app, metrics, known);
  await guard(app, {
    ...{ ...parts, maxRequestBytes, connectionsPerAddress, audit: deps.audit },
    served: (id) => void served.add(id),
  });
  await app.register(descriptionRoutes(() => openApi(served)));
  await app.register(healthRoutes(health));
  await app.register(modelRoutes(service));
  await app.register(repositoryRoutes(service));
  await app.register(inferRoutes({ models: service, admission }));
  if (config.graphql === true) {
    const observed = observeCalls(metrics, models);
    const fields = { ...parts, models: service, audit: deps.audit, observed };
    await app.register(graphQlRoutes(fields, maxRequestBytes));
  }
  await app.register(openAiRoutes({ models: textDirectory(models), admission, maxRequestBytes, now: deps.now }));
  return app;
}

/** What admission goes by: a model that is not ready keeps no other from answering, and refuses for itself. */
function admitted(health: HealthState): Pick<HealthState, 'started' | 'phase' | 'ready'> {
  return {
    get started() {
      return health.started;
    },
    get phase() {
      return health.phase;
    },
    ready: true,
  };
}

/** What layers are made of. */
interface LayerParts {
  readonly payloadLog: PayloadLog | undefined;
  readonly drift: DriftMonitors;
  readonly pipelines: Pipelines | undefined;
  readonly processing: Layer;
}

/** What a call passes on its way to a model, outermost first. What pipelines ask comes in from the outside again. */
function layersOf({ payloadLog, drift, pipelines, processing }: LayerParts): readonly Layer[] {
  return [
    ...(payloadLog ? [payloadLogLayer(payloadLog)] : []),
    drift.layer,
    ...(pipelines ? [pipelines.layer] : []),
    processing,
  ];
}

/** Builds the server from its settings and parts. Nothing listens and nothing is loaded yet. */
export async function buildServer(config: SizedConfig, deps: ServerDeps): Promise<InferenceServer> {
  const metrics = buildServerMetrics(deps.registry, config.metricAliases);
  const drift = new DriftMonitors(metrics, config.driftRowsPerSecond ?? 1_000, performance.now.bind(performance));
  const processing = observedProcessing(deps.steps ?? noResources(), metrics);
  const watched: ModelDeps['watched'] = (...what) => drift.loaded(...what);
  const models = buildRegistry(config, { ...deps, watched }, metrics, processing);
  const payloadLog = deps.openPayloadLog?.((outcome, records) => metrics.payloadRecords.inc({ outcome }, records));
  const lag = new LoopLag(performance.now.bind(performance));
  const access = new AccessControl({ ...deps, failures: metrics.authFailures });
  const pipelines = buildPipelines(config.pipelines, { ...deps, models, metrics, access });
  const known = knownWith(models, pipelines);
  const statistics = new Statistics(known, metrics, deps.now);
  const steps = processingLayer(models, processing);
  const layered = serve(models, layersOf({ payloadLog, drift, pipelines, processing: steps }), statistics);
  const service = pipelines?.over(layered, statistics) ?? layered;
  const health = new HealthState(
    () => models.ready && pipelines?.proved !== false,
    () => lag.seconds,
  );
  const admission = new Admission(config.maxConcurrency, admitted(health));
  const limiter = new CallerLimiter({ ...DEFAULT_LIMITS, ...config }, deps.now);
  const app = await buildApp(config, deps, { models, service, known, health, admission, metrics, access, limiter });
  const observed = observeCalls(metrics, known);
  const grpc = new GrpcServer({ ...deps, models: service, health, admission, access, limiter, observed });
  const { maxConcurrency, batching } = config;
  const sources = { ...{ metrics, models, admission, maxConcurrency }, maxQueue: batching?.maxQueue ?? 1_000 };
  const also = (): void => {
    drift.refresh(({ name, version }) => models.known(name, version)?.version === version);
    refreshPipelineMetrics(pipelines, metrics);
  };
  const metricsApp = await buildMetricsServer(deps.registry, () =>
    refreshMetrics({ ...sources, cacheBytes: deps.cacheBytes, also }),
  );
  app.addHook('onClose', async () => lag.close());
  const start = async (): Promise<void> => {
    await models.start();
    pipelines?.start();
    health.markStarted();
  };
  return { app, metricsApp, grpc, health, admission, models, payloadLog, start };
}
