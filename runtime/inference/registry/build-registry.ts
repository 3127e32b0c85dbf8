import { performance } from 'node:perf_hooks';
import type { FastifyBaseLogger } from 'fastify';
import type { Backend } from '../backends/backend';
import { Batcher } from '../batching/batcher';
import type { BatchSettings } from '../batching/batcher';
import { DataPlane } from '../data-plane';
import type { ModelIdentity, OpenText } from '../data-plane';
import { initialise, observeQueue, observeText, OTHER } from '../observe';
import type { ServerMetrics } from '../observe';
import type { PipelineSpec } from '../pipelines/spec';
import { observedProcessing } from '../processing/observe';
import { noResources } from '../processing/processing';
import type { Processing } from '../processing/processing';
import { TextModel } from '../text/model';
import type { TextLimits } from '../text/model';
import { FileGuard } from './file-guard';
import { Loader } from './loader';
import type { Engine, LoaderDeps } from './loader';
import { ModelRegistry } from './model-registry';
import type { RegistryDeps } from './model-registry';
import { Residents } from './residents';
import { codeOf, observeFailures, watchedAnswers } from './run-failures';
import type { ModelSpec, RunSettings } from './spec';

/** What the models of a server are made with. */
export interface ModelDeps {
  /** Makes what runs one version; it is not loaded yet. */
  readonly createBackend: (settings: RunSettings) => Backend;
  /** Where a model comes from. */
  readonly sourceOf: RegistryDeps['sourceOf'];
  /**
   * Models beside those that are configured.
   * @default - none
   */
  readonly discover?: RegistryDeps['discover'];
  /**
   * Pipelines that were found beside those models.
   * @default - none
   */
  readonly ensembles?: () => readonly PipelineSpec[];
  /**
   * Bytes of model files on disk.
   * @default - nobody knows
   */
  readonly cacheBytes?: () => Promise<number>;
  /** Bytes that the process of a backend holds. @default - nobody knows */
  readonly memoryOf?: (backend: Backend) => number | undefined;
  readonly log: FastifyBaseLogger;
  /** Told what a version is held against from now on. @default - nobody asks */
  readonly watched?: LoaderDeps['watched'];
}

/** Settings of the models of a server. */
export interface ModelsConfig {
  readonly models: readonly ModelSpec[];
  /**
   * Bytes that all loaded models may hold; 0 is no limit.
   * @default 0
   */
  readonly modelMemoryBytes?: number;
  /**
   * Seconds between two checks of the files of loaded models on the disk.
   * @default 0 - they are checked when they are loaded
   */
  readonly modelScrubInterval?: number;
  /**
   * How requests are put together, where the model does not say.
   * @default - what was measured at load
   */
  readonly batching?: BatchSettings;
  /**
   * Bounds of models that take text.
   * @default - those of the contract
   */
  readonly text?: TextLimits;
}

const TEXT: TextLimits = { maxRows: 32, cacheBytes: 512 * 2 ** 20 };
const UNSET: BatchSettings = { maxRows: 0, maxDelay: 0, preferred: [], maxQueue: 1_000 };

/** What the repository says of a model goes before what the server says of all. */
function batchingOf(settings: RunSettings, server: BatchSettings = UNSET): BatchSettings {
  return {
    maxRows: settings.maxBatchSize ?? server.maxRows,
    maxDelay: settings.maxQueueDelay ?? server.maxDelay,
    preferred: settings.preferredBatchSizes ?? server.preferred,
    maxQueue: server.maxQueue,
  };
}

/** True where tensors do not reach the model as they come, or clients as they are: nothing may go past that. */
const isGuarded = ({ processing }: RunSettings): boolean =>
  processing !== undefined &&
  (processing.after.length > 0 ||
    Object.keys(processing.inputs).length > 0 ||
    // What a plugin may refuse or change; the other steps make numbers of what no text is.
    processing.before.some((step) => 'plugin' in step));

interface TextParts {
  readonly backend: Pick<Backend, 'generate'>;
  readonly limits: TextLimits;
  readonly settings: RunSettings;
  readonly log: ModelDeps['log'];
}

function textOpener({ backend, limits, settings, log }: TextParts, metrics: ServerMetrics): OpenText {
  return (plane, file, signature) =>
    TextModel.open({
      ...{ model: plane.model, file, signature, backend, limits, log, isGuarded: isGuarded(settings) },
      infer: (request, signal, caller) => plane.infer(request, signal, caller),
      observe: observeText(metrics, plane.model, limits.cacheBytes),
      now: () => performance.now() / 1000,
    });
}

/** Builds the registry; nothing is fetched or loaded yet. */
export function buildRegistry(
  config: ModelsConfig,
  deps: ModelDeps,
  metrics: ServerMetrics,
  processing: Processing = observedProcessing(noResources(), metrics),
): ModelRegistry {
  const now = (): number => performance.now();
  const createEngine = (model: ModelIdentity, settings: RunSettings): Engine => {
    const backend = deps.createBackend(settings);
    const failed = observeFailures(metrics, model, deps.log, now);
    const observer = { ...observeQueue(metrics, model), failed };
    const batcher = new Batcher(backend, observer, now, batchingOf(settings, config.batching));
    const openText = textOpener(
      { backend: watchedAnswers(backend, failed), limits: config.text ?? TEXT, settings, log: deps.log },
      metrics,
    );
    const plane = new DataPlane(model, backend, batcher, openText);
    return { plane, backend, measure: () => deps.memoryOf?.(backend) };
  };
  const residents = new Residents(config.modelMemoryBytes ?? 0, ({ plane: { model } }) => {
    metrics.modelEvictions.inc({ model: model.name, version: model.version });
    deps.log.info({ ...model }, 'model left the memory for another');
  });
  const loader = new Loader({ createEngine, residents, log: deps.log, now, watched: deps.watched });
  const changed = (model: ModelIdentity): void => initialise(metrics, model);
  const failed = (model = OTHER, error: unknown): void => metrics.modelLoadFailures.inc({ model, code: codeOf(error) });
  const damaged = ({ name, version }: ModelIdentity): void => metrics.modelFilesDamaged.inc({ model: name, version });
  const guard = new FileGuard({ sourceOf: deps.sourceOf, log: deps.log, damaged });
  const { maxQueue: mostWaiting } = config.batching ?? UNSET;
  const dropped: RegistryDeps['dropped'] = ({ name, version }, reason) =>
    metrics.queueDropped.inc({ model: name, version, reason });
  const own = { loader, residents, guard, processing, now, mostWaiting, dropped, changed, failed };
  return new ModelRegistry({ ...deps, ...own, models: config.models, scrubInterval: config.modelScrubInterval });
}

/** Brings the gauges that describe models up to date. */
export function refreshModelMetrics(registry: ModelRegistry, metrics: ServerMetrics): void {
  const { modelReady, queueDepth, hostMemory, modelOffline, modelLoadDuration } = metrics;
  // What is gone has neither; its last reading would count as saturation, as memory and as ready for ever.
  for (const gauge of [modelReady, queueDepth, hostMemory, modelOffline, modelLoadDuration]) gauge.reset();
  for (const { name: model, versions } of registry.inService()) {
    // Its repository has not said yet which versions there are; that it serves nothing shows all the same.
    if (versions.length === 0) modelReady.set({ model, version: OTHER }, 0);
    for (const { identity, ready, waiting, loaded, loadSeconds, files } of versions) {
      const labels = { model, version: identity.version };
      modelReady.set(labels, ready ? 1 : 0);
      queueDepth.set(labels, waiting + (loaded?.plane.waiting ?? 0));
      hostMemory.set(labels, loaded?.bytes ?? 0);
      modelOffline.set(labels, files?.offline ? 1 : 0);
      if (loadSeconds !== undefined) modelLoadDuration.set(labels, loadSeconds);
    }
  }
}
