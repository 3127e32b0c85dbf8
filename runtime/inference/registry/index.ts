export { buildRegistry, refreshModelMetrics } from './build-registry';
export type { ModelDeps, ModelsConfig } from './build-registry';
export type { Answer, IndexEntry, ModelMetadata, ModelRegistry } from './model-registry';
export type { ModelSettings, ModelSource, VerifiedModel } from './source';
export type { LoadMode, ModelSpec, RunSettings, VersionPolicy } from './spec';
