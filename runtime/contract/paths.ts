/**
 * HTTP paths. The `/v2` ones are those of the Open Inference Protocol.
 * @see https://github.com/kserve/open-inference-protocol
 */
export const PATHS = {
  /** 200 once the process is up and every required model has been loaded for the first time. */
  startup: '/health/startup',
  /** 200 while the process can make progress; never depends on a model or a neighbour. */
  live: '/v2/health/live',
  /** 200 while the server would answer an inference request now. */
  ready: '/v2/health/ready',
  /** Alias of {@link PATHS.ready}, for load balancers and clients that know only one path. */
  health: '/health',
  /** Prometheus exposition, on the metrics port only. */
  metrics: '/metrics',
  /** Server metadata. */
  server: '/v2',
  /** Description of the routes, as OpenAPI 3.1. */
  openapi: '/openapi.json',
  /** Page that shows the description and tries its operations. */
  docs: '/docs',
  /** All operations as GraphQL, where the setting switches it on. */
  graphql: '/graphql',
  /** Prefix of what is compatible with the API of OpenAI. */
  openai: '/v1',
  /** Prefix of model metadata, readiness and inference. */
  models: '/v2/models',
  /** Prefix of the model repository extension. */
  repository: '/v2/repository',
} as const;

/** Path of a model, or of one version of it, e.g. `/v2/models/digits/versions/3`. */
export function modelPath(name: string, version?: string): string {
  const base = `${PATHS.models}/${encodeURIComponent(name)}`;
  return version === undefined ? base : `${base}/versions/${encodeURIComponent(version)}`;
}

/** Path of the inference operation of a model, e.g. `/v2/models/digits/infer`. */
export function inferPath(name: string, version?: string): string {
  return `${modelPath(name, version)}/infer`;
}
