import { callerKey } from '../../shared/caller-limits';
import type { ModelMetadata, ModelRegistry } from '../registry';
import { layered } from './layer';
import type { Infer, Layer } from './layer';
import type { ModelStatistics, Statistics } from './statistics';

/** The models of this server. */
export interface LocalService extends Pick<
  ModelRegistry,
  'identify' | 'describe' | 'details' | 'isReady' | 'index' | 'load' | 'unload'
> {
  /** What a model has done so far: one version, all of a name, or all. @throws RequestError */
  readonly statistics: (name?: string, version?: string) => readonly ModelStatistics[];
  /** Answers a call. @throws RequestError */
  readonly infer: Infer;
}

/** What transports ask of the models, wherever they are. */
export interface InferenceService extends Omit<LocalService, 'describe' | 'isReady'> {
  /**
   * What the protocol says of a model.
   *
   * @param via servers that the question came through, where it came through some
   * @throws RequestError
   */
  readonly describe: (
    name: string,
    version: string | undefined,
    via?: string,
  ) => ModelMetadata | Promise<ModelMetadata>;
  /** True when the model would answer now. @throws RequestError */
  readonly isReady: (name: string, version: string | undefined, via?: string) => boolean | Promise<boolean>;
}

/** The models of a registry, behind layers; the first is the outermost. */
export function serve(
  models: ModelRegistry,
  layers: readonly Layer[],
  statistics: Pick<Statistics, 'of'>,
): LocalService {
  return {
    infer: layered(({ name, version, request, signal, caller, judge }) => {
      const chosen = judge && models.known(name, version);
      if (chosen !== undefined) judge?.(chosen);
      return models.infer(name, chosen?.version ?? version, request, signal, caller && callerKey(caller));
    }, layers),
    statistics: (name, version) => statistics.of(models.identities(name, version)),
    details: (name, version) => models.details(name, version),
    identify: (name, version) => models.identify(name, version),
    describe: (name, version) => models.describe(name, version),
    isReady: (name, version) => models.isReady(name, version),
    index: (readyOnly) => models.index(readyOnly),
    load: (name) => models.load(name),
    unload: (name) => models.unload(name),
  };
}
