export { buildRegistry, refreshModelMetrics } from './build-registry';
export type { ModelDeps, ModelsConfig } from './build-registry';
export type { Answer, IndexEntry, ModelMetadata, ModelRegistry, Standing } from './model-registry';
export type { AcceptedVersion, Ask, ModelSettings, ModelSource, VerifiedModel } from './source';
export type { LoadMode, ModelSpec, RunSettings, ServingRules, VersionPolicy } from './spec';
