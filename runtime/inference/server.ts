import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { Admission } from '../shared/admission';
import { AccessControl } from '../shared/access-control';
import { CallerLimiter } from '../shared/caller-limits';
import { errorPlugin } from '../shared/error-plugin';
import { HealthState } from '../shared/health';
import { healthRoutes } from '../shared/health-routes';
import { LoopLag } from '../shared/loop-lag';
import { buildMetricsServer } from '../shared/metrics-server';
import { OpenRequests } from '../shared/open-requests';
import type { AccessParts } from './access';
import type { InferenceConfig } from './config';
import { graphQlRoutes } from './graphql/routes';
import { NO_GRPC } from './grpc/listener';
import type { GrpcListener } from './grpc/listener';
import type { GrpcDeps } from './grpc/server';
import { DEFAULT_LIMITS, followTls, guard, listenerOptions } from './guard';
import type { LimitSettings } from './guard';
import type { AliasSet } from './metric-aliases/aliases';
import { observeCalls, observeRequests } from './observe';
import type { ServerMetrics } from './observe';
import { openApi } from './operations/openapi';
import type { OperationId } from './operations/table';
import type { ModelRegistry } from './registry';
import { textDirectory } from './registry/text-directory';
import type { PayloadLog } from './payload-log/payload-log';
import { textNotes } from './payload-log/text-note';
import { descriptionRoutes } from './routes/description';
import { inferRoutes } from './routes/infer';
import { modelRoutes } from './routes/models';
import { openAiRoutes } from './routes/openai';
import { OpenAiWork } from './routes/openai-work';
import { repositoryRoutes } from './routes/repository';
import { trafficRoutes } from './routes/traffic';
import { buildServing } from './serving/build-serving';
import type { Serving, ServingConfig, ServingDeps } from './serving/build-serving';
import { buildServerMetrics, refreshMetrics } from './server-metrics';

/** What the server is given from outside. */
export interface ServerDeps extends AccessParts, Omit<ServingDeps, keyof AccessParts> {
  readonly registry: Registry;
  /** Opens the gRPC listener. @default - gRPC is not spoken */
  readonly openGrpc?: ((wire: GrpcDeps) => Promise<GrpcListener>) | undefined;
}

/** A server that does not listen yet. */
export interface InferenceServer {
  /** Inference, metadata and health. */
  readonly app: FastifyInstance;
  /** Prometheus exposition and health, for a port of its own. */
  readonly metricsApp: FastifyInstance;
  /** gRPC over the same models. */
  readonly grpc: GrpcListener;
  readonly health: HealthState;
  readonly admission: Admission;
  /** What is not answered yet. */
  readonly open: OpenRequests;
  readonly models: ModelRegistry;
  readonly metrics: ServerMetrics;
  /** Brings the metrics that are computed when somebody asks up to date. */
  readonly refresh: () => Promise<void>;
  /** To be closed when the last request is answered. */
  readonly payloadLog: PayloadLog | undefined;
  /** Brings up the required models; the server is ready afterwards. */
  start(): Promise<void>;
  /** Ends what stands before the models, once no requests come any more. */
  release(): Promise<void>;
}

type SizedConfig = Pick<InferenceConfig, 'maxRequestBytes' | 'maxConcurrency'> & {
  /**
   * What one caller may use.
   * @default - those of {@link DEFAULT_LIMITS}
   */
  readonly [K in keyof LimitSettings]?: LimitSettings[K];
} & ServingConfig & {
    /** Whether GraphQL is answered. @default false */
    readonly graphql?: boolean;
    /**
     * Names of others that metrics are shown under too.
     * @default triton, vllm
     */
    readonly metricAliases?: readonly AliasSet[];
  };

interface Parts extends Pick<Serving, 'models' | 'service' | 'known' | 'traffic' | 'payloadLog'> {
  readonly health: HealthState;
  readonly open: OpenRequests;
  readonly admission: Admission;
  readonly metrics: ServerMetrics;
  readonly access: AccessControl;
  readonly limiter: CallerLimiter;
}

async function buildApp(config: SizedConfig, deps: ServerDeps, parts: Parts): Promise<FastifyInstance> {
  const { models, service, known, health, admission, metrics, traffic, payloadLog } = parts;
  const { maxRequestBytes, connectionsPerAddress = DEFAULT_LIMITS.connectionsPerAddress } = config;
  const app: FastifyInstance = fastify({ ...listenerOptions(maxRequestBytes, deps.tls), loggerInstance: deps.log });
  followTls(app, deps.tlsChanges);
  deps.tlsChanges?.onOutcome((outcome) => metrics.tlsReloads.inc({ outcome }));
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
  await app.register(trafficRoutes(models, traffic));
  await app.register(inferRoutes({ models: service, admission, maxRequestBytes }));
  const notes = payloadLog && textNotes(payloadLog);
  const openai = new OpenAiWork(textDirectory(models, traffic), deps.now, notes);
  if (config.graphql === true) {
    const observed = observeCalls(metrics, known);
    const fields = { ...parts, models: service, openai, audit: deps.audit, observed };
    await app.register(graphQlRoutes(fields, maxRequestBytes));
  }
  await app.register(openAiRoutes({ work: openai, admission, maxRequestBytes }));
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

/** Health by what the models and the event loop do. */
function watchedHealth(isReady: () => boolean): { readonly lag: LoopLag; readonly health: HealthState } {
  const lag = new LoopLag(performance.now.bind(performance));
  return { lag, health: new HealthState(isReady, () => lag.seconds) };
}

/** Builds the server from its settings and parts. Nothing listens and nothing is loaded yet. */
export async function buildServer(config: SizedConfig, deps: ServerDeps): Promise<InferenceServer> {
  const metrics = buildServerMetrics(deps.registry, config.metricAliases, deps.now);
  const access = new AccessControl({ ...deps, failures: metrics.authFailures });
  const serving = await buildServing(config, deps, metrics, access);
  const { models, service, known, payloadLog } = serving;
  const { lag, health } = watchedHealth(serving.ready);
  const admission = new Admission(config.maxConcurrency, admitted(health));
  const limiter = new CallerLimiter({ ...DEFAULT_LIMITS, ...config }, deps.now);
  const shared = { health, open: new OpenRequests(), admission, access, limiter };
  const app = await buildApp(config, deps, { ...serving, ...shared, metrics });
  const observed = observeCalls(metrics, known);
  const { maxRequestBytes, connectionsPerAddress = DEFAULT_LIMITS.connectionsPerAddress } = config;
  const wire = { ...deps, ...shared, models: service, observed, connectionsPerAddress, maxRequestBytes };
  const grpc = (await deps.openGrpc?.(wire)) ?? NO_GRPC;
  const { maxConcurrency, batching } = config;
  const sources = { ...{ metrics, models, admission, maxConcurrency }, maxQueue: batching?.maxQueue ?? 1_000 };
  const also = (): void => {
    metrics.auditBroken.set(deps.audit?.failed ? 1 : 0);
    for (const [files, { refused }] of Object.entries(deps.followed ?? {})) {
      metrics.filesRefused.set({ files }, refused ? 1 : 0);
    }
    serving.refresh();
  };
  const refresh = (): Promise<void> => refreshMetrics({ ...sources, cacheBytes: deps.cacheBytes, also });
  const metricsApp = await buildMetricsServer(deps.registry, refresh, health);
  app.addHook('onClose', async () => lag.close());
  const start = async (): Promise<void> => {
    // An upstream server answers while the models come.
    if (deps.upstream !== undefined) health.markStarted();
    await serving.start();
    health.markStarted();
  };
  const ends = { payloadLog, release: () => serving.release() };
  return { app, metricsApp, grpc, health, open: shared.open, admission, models, metrics, refresh, start, ...ends };
}
