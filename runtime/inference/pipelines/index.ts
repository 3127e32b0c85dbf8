export { PIPELINE_ERRORS } from './errors';
export { Pipelines } from './pipelines';
export { PIPELINE_LOAD_ERRORS, PipelineError } from './problems';
export type { PipelineSpec } from './spec';
