import { performance } from 'node:perf_hooks';
import type { FastifyBaseLogger } from 'fastify';
import type { AccessControl, Policy } from '../../shared/access-control';
import type { AuditLog } from '../../shared/audit';
import { DriftMonitors } from '../drift/monitors';
import { buildProxy } from '../edge/open';
import type { ServerProxy, UpstreamSettings } from '../edge/open';
import type { KnownModels, ServerMetrics } from '../observe';
import { payloadLogLayer } from '../payload-log/layer';
import type { PayloadLog, PayloadLogOptions } from '../payload-log/payload-log';
import type { Pipelines, PipelineSpec } from '../pipelines';
import { buildPipelines, knownWith, refreshPipelineMetrics } from '../pipelines/build';
import { processingLayer } from '../processing/layer';
import { observedProcessing } from '../processing/observe';
import { noResources } from '../processing/processing';
import type { StepResources } from '../processing/processing';
import { buildRegistry } from '../registry';
import type { ModelDeps, ModelRegistry, ModelsConfig } from '../registry';
import { buildCache } from '../response-cache/build-cache';
import type { ResponseCacheSettings, ServerCache } from '../response-cache/build-cache';
import { buildTraffic } from '../traffic/build-traffic';
import type { ServerTraffic } from '../traffic/build-traffic';
import type { Traffic } from '../traffic/traffic';
import type { Layer } from './layer';
import { serve } from './service';
import type { InferenceService } from './service';
import { Statistics } from './statistics';

/** Settings of the models and of what stands before them. */
export interface ServingConfig extends ModelsConfig {
  /** Answers that are given again. @default - none */
  readonly responseCache?: ResponseCacheSettings | undefined;
  /** Rows a second that are compared with the baseline of a model. @default 1000 */
  readonly driftRowsPerSecond?: number;
  /** Pipelines over the models. @default - none */
  readonly pipelines?: readonly PipelineSpec[];
}

/** What models and layers are given from outside. */
export interface ServingDeps extends ModelDeps {
  readonly log: FastifyBaseLogger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** @default - none */
  readonly audit?: AuditLog | undefined;
  /** @default - scopes suffice */
  readonly policy?: Policy | undefined;
  /** Opens the log of payloads, told who counts its records. @default - none */
  readonly openPayloadLog?: (counted: PayloadLogOptions['counted']) => PayloadLog | undefined;
  /** What the steps around models work with. @default - steps that run in this process */
  readonly steps?: StepResources;
  /** Server that answers what this one cannot. @default - none */
  readonly upstream?: UpstreamSettings | undefined;
}

/** The models, and everything that a call passes on its way to them. */
export interface Serving {
  readonly models: ModelRegistry;
  readonly service: InferenceService;
  /** The names that requests may have in metrics. */
  readonly known: KnownModels;
  readonly traffic: Traffic;
  /** To be closed when the last request is answered. */
  readonly payloadLog: PayloadLog | undefined;
  /** True when everything that is required would answer now. */
  readonly ready: () => boolean;
  /** Brings up what is required. @throws ModelError, InspectionError */
  start(): Promise<void>;
  /** Brings the metrics that are computed when somebody asks up to date. */
  refresh(): void;
  /** Ends what stands before the models, once no requests come any more. */
  release(): Promise<void>;
}

interface Layers {
  readonly payloadLog: PayloadLog | undefined;
  readonly drift: DriftMonitors;
  readonly traffic: ServerTraffic;
  readonly proxy: ServerProxy | undefined;
  readonly pipelines: Pipelines | undefined;
  readonly processing: Layer;
  readonly cache: ServerCache | undefined;
}

/**
 * What a call passes on its way to a model, outermost first. Copies to a shadow are noted by none of the first two; what
 * pipelines ask comes in from the outside again; what the cache keeps is what the model itself takes and gives.
 */
function layersOf({ payloadLog, drift, traffic, proxy, pipelines, processing, cache }: Layers): readonly Layer[] {
  return [
    ...(payloadLog ? [payloadLogLayer(payloadLog)] : []),
    drift.layer,
    traffic.layer,
    ...(proxy ? [proxy.layer] : []),
    ...(pipelines ? [pipelines.layer] : []),
    processing,
    ...(cache ? [cache.layer] : []),
  ];
}

/**
 * Builds the models of a server and what stands before them. Nothing is loaded yet.
 *
 * @throws StartError LNMT8103 for a package that the settings need and that is not installed
 */
export async function buildServing(
  config: ServingConfig,
  deps: ServingDeps,
  metrics: ServerMetrics,
  access: AccessControl,
): Promise<Serving> {
  const drift = new DriftMonitors(metrics, config.driftRowsPerSecond ?? 1_000, performance.now.bind(performance));
  const steps = observedProcessing(deps.steps ?? noResources(), metrics);
  const watched: ModelDeps['watched'] = (...what) => drift.loaded(...what);
  const models = buildRegistry(config, { ...deps, watched }, metrics, steps);
  const payloadLog = deps.openPayloadLog?.((outcome, records) => metrics.payloadRecords.inc({ outcome }, records));
  const traffic = buildTraffic(models, metrics, deps);
  const cache = config.responseCache && (await buildCache(config.responseCache, models, metrics, deps.log));
  const pipelines = buildPipelines(config.pipelines, { ...deps, models, metrics, access });
  const known = knownWith(models, pipelines);
  const statistics = new Statistics(known, metrics.tallies);
  const ready = (): boolean => models.ready && pipelines?.proved !== false;
  const proxy = deps.upstream && buildProxy(deps.upstream, { models, known, ready }, metrics, deps.log);
  const parts = { payloadLog, drift, traffic, proxy, pipelines, cache, processing: processingLayer(models, steps) };
  const layered = serve(models, layersOf(parts), statistics);
  const piped = pipelines?.over(layered, statistics) ?? layered;
  return {
    ...{ models, service: proxy?.over(piped) ?? piped, known, payloadLog },
    traffic: traffic.traffic,
    ready: proxy?.ready ?? ready,
    start: async () => {
      await models.start();
      pipelines?.start();
    },
    refresh: () => {
      drift.refresh(({ name, version }) => models.known(name, version)?.version === version);
      refreshPipelineMetrics(pipelines, metrics);
      for (const part of [traffic.traffic, cache, proxy]) part?.refresh();
    },
    release: async () => {
      await traffic.close();
      for (const part of [cache, proxy]) part?.close();
    },
  };
}
