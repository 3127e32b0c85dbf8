import type { ModelRegistry } from '../registry';
import { layered } from './layer';
import type { Infer, Layer } from './layer';

/** What transports ask of the models. */
export interface InferenceService extends Pick<
  ModelRegistry,
  'identify' | 'describe' | 'isReady' | 'index' | 'load' | 'unload'
> {
  /** Answers a call. @throws RequestError */
  readonly infer: Infer;
}

/** The models of a registry, behind layers; the first is the outermost. */
export function serve(models: ModelRegistry, layers: readonly Layer[]): InferenceService {
  return {
    infer: layered(({ name, version, request, signal }) => models.infer(name, version, request, signal), layers),
    identify: (name, version) => models.identify(name, version),
    describe: (name, version) => models.describe(name, version),
    isReady: (name, version) => models.isReady(name, version),
    index: (readyOnly) => models.index(readyOnly),
    load: (name) => models.load(name),
    unload: (name) => models.unload(name),
  };
}
