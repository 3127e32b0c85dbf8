import type { ModelRegistry } from '../registry';
import { layered } from './layer';
import type { Infer, Layer } from './layer';
import type { ModelStatistics, Statistics } from './statistics';

/** What transports ask of the models. */
export interface InferenceService extends Pick<
  ModelRegistry,
  'identify' | 'describe' | 'details' | 'isReady' | 'index' | 'load' | 'unload'
> {
  /** What a model has done so far: one version, all of a name, or all. @throws RequestError */
  readonly statistics: (name?: string, version?: string) => Promise<readonly ModelStatistics[]>;
  /** Answers a call. @throws RequestError */
  readonly infer: Infer;
}

/** The models of a registry, behind layers; the first is the outermost. */
export function serve(models: ModelRegistry, layers: readonly Layer[], statistics: Statistics): InferenceService {
  return {
    infer: layered(
      ({ name, version, request, signal }) => models.infer(name, version, request, signal),
      [statistics.layer, ...layers],
    ),
    statistics: async (name, version) => statistics.of(models.identities(name, version)),
    details: (name, version) => models.details(name, version),
    identify: (name, version) => models.identify(name, version),
    describe: (name, version) => models.describe(name, version),
    isReady: (name, version) => models.isReady(name, version),
    index: (readyOnly) => models.index(readyOnly),
    load: (name) => models.load(name),
    unload: (name) => models.unload(name),
  };
}
