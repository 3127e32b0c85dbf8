import { PORTS } from './ports';
import { SHUTDOWN } from './shutdown';
import { VOLUMES } from './volumes';

/** How a setting is written in the environment: a list with commas between entries, around which blanks do not count. */
export type EnvKind = 'string' | 'integer' | 'boolean' | 'duration' | 'bytes' | 'enum' | 'list';

/** One setting that manifests write and servers read. */
export interface EnvVariable {
  /** Name of the environment variable. */
  readonly name: string;
  readonly kind: EnvKind;
  /** One sentence for people. */
  readonly doc: string;
  /** Value when the variable is unset. Absent means: required. Durations in seconds, sizes in bytes. */
  readonly default?: string;
  /** True when the variable may stay unset and has no default. */
  readonly optional?: boolean;
  /** Allowed values of an enum, or of the entries of a list. */
  readonly values?: readonly string[];
  /** Smallest value of an integer, duration or size. */
  readonly min?: number;
  /** Largest value of an integer, duration or size. */
  readonly max?: number;
}

/** Settings of the inference server. */
export const INFERENCE_ENV = {
  modelName: {
    name: 'LNMT_MODEL_NAME',
    kind: 'string',
    doc: 'Name of a model that is loaded at start and never unloaded; LNMT_MODEL_VERSION and LNMT_MODEL_URI go with it. Needed unless LNMT_MODELS_FILE, LNMT_MODEL_REPOSITORY or LNMT_UPSTREAM_URL is set, beside which it may stand, too.',
    optional: true,
  },
  modelVersion: {
    name: 'LNMT_MODEL_VERSION',
    kind: 'string',
    doc: 'Version of that model.',
    optional: true,
  },
  modelUri: {
    name: 'LNMT_MODEL_URI',
    kind: 'string',
    doc: 'Store of that model, as `<name>/<version>/model.onnx`: `file:///dir`, `s3://`, `gs://`, `az://`, `oci://` or `https://`.',
    optional: true,
  },
  modelsFile: {
    name: 'LNMT_MODELS_FILE',
    kind: 'string',
    doc: 'JSON file that lists models: name, uri, versions, aliases, and when each is loaded.',
    optional: true,
  },
  pipelinesFile: {
    name: 'LNMT_PIPELINES_FILE',
    kind: 'string',
    doc: 'JSON file that lists pipelines: models behind one name, as sequences, switches, ensembles, splitters and fallbacks.',
    optional: true,
  },
  modelRepository: {
    name: 'LNMT_MODEL_REPOSITORY',
    kind: 'string',
    doc: 'Store whose models are all served, in our layout or in that of Triton; a URI as LNMT_MODEL_URI has it.',
    optional: true,
  },
  repositoryModel: {
    name: 'LNMT_MODEL_REPOSITORY_MODEL',
    kind: 'string',
    doc: 'Name of the one model of a repository that holds folders of versions, or model.onnx itself, where folders of models would be; as KServe copies a model.',
    optional: true,
  },
  modelLoading: {
    name: 'LNMT_MODEL_LOADING',
    kind: 'enum',
    values: ['lazy', 'eager', 'pinned'],
    doc: 'When the models of LNMT_MODEL_REPOSITORY are loaded. `lazy`: at their first request, until memory is needed; `eager`: at start, until memory is needed; `pinned`: at start, and never unloaded.',
    default: 'lazy',
  },
  modelMemoryBytes: {
    name: 'LNMT_MODEL_MEMORY_BYTES',
    kind: 'bytes',
    doc: 'Memory that all loaded models may hold together. To make room for another, those used least in the last minutes are unloaded, never pinned ones. 0 is no limit.',
    default: '0',
    min: 0,
  },
  modelCacheBytes: {
    name: 'LNMT_MODEL_CACHE_BYTES',
    kind: 'bytes',
    doc: 'Disk that verified model files may hold; the least recently used go. 0 is no limit.',
    default: '0',
    min: 0,
  },
  modelScrubInterval: {
    name: 'LNMT_MODEL_SCRUB_INTERVAL_SECONDS',
    kind: 'duration',
    doc: 'Seconds between two checks of the files of loaded models on the disk; damaged ones are fetched anew. 0 checks them only when they are loaded.',
    default: '86400',
    min: 0,
    max: 2000000,
  },
  modelToken: {
    name: 'LNMT_MODEL_TOKEN',
    kind: 'string',
    doc: 'Bearer token for a store behind HTTPS.',
    optional: true,
  },
  modelStoreTimeout: {
    name: 'LNMT_MODEL_STORE_TIMEOUT_SECONDS',
    kind: 'duration',
    doc: 'Seconds that a store beyond this machine may be silent before it is asked again.',
    default: '30',
    min: 0.1,
    max: 600,
  },
  registryAuthFile: {
    name: 'LNMT_REGISTRY_AUTH_FILE',
    kind: 'string',
    doc: 'Configuration file of Docker with credentials of the registry that holds models.',
    optional: true,
  },
  modelCacheDir: {
    name: 'LNMT_MODEL_CACHE_DIR',
    kind: 'string',
    doc: 'Folder for verified model files.',
    default: VOLUMES.modelCache,
  },
  signaturePolicy: {
    name: 'LNMT_SIGNATURE_POLICY',
    kind: 'enum',
    values: ['off', 'when-present', 'required'],
    doc: 'Whether models must be signed. `off`: signatures are not looked at; `when-present`: a model with a signature is refused unless it holds, one without is served; `required`: a model without a signature is refused, too.',
    default: 'off',
  },
  signatureKeysFile: {
    name: 'LNMT_SIGNATURE_KEYS_FILE',
    kind: 'string',
    doc: 'Public keys in PEM whose signatures of models are accepted.',
    optional: true,
  },
  signatureCaFile: {
    name: 'LNMT_SIGNATURE_CA_FILE',
    kind: 'string',
    doc: 'Certificates in PEM of authorities; signatures of models by holders of their certificates are accepted.',
    optional: true,
  },
  signatureIdentities: {
    name: 'LNMT_SIGNATURE_IDENTITIES',
    kind: 'list',
    doc: 'Signers with certificates who are accepted, by e-mail address, URI or host name; unset are all.',
    optional: true,
  },
  signatureTrustedRootFile: {
    name: 'LNMT_SIGNATURE_TRUSTED_ROOT_FILE',
    kind: 'string',
    doc: 'Trusted root of Sigstore (`trusted_root.json`): authorities and logs behind keyless signatures of models.',
    optional: true,
  },
  signatureKeylessIdentities: {
    name: 'LNMT_SIGNATURE_KEYLESS_IDENTITIES',
    kind: 'list',
    doc: 'Who signs keyless, each a whole e-mail address or URI, a vertical bar, and the https URL of the identity provider that vouches for it.',
    optional: true,
  },
  bindAddress: { name: 'LNMT_BIND_ADDRESS', kind: 'string', doc: 'Address to listen on.', default: '127.0.0.1' },
  httpPort: {
    name: 'LNMT_HTTP_PORT',
    kind: 'integer',
    doc: 'HTTP port.',
    default: String(PORTS.http),
    min: 0,
    max: 65535,
  },
  metricsPort: {
    name: 'LNMT_METRICS_PORT',
    kind: 'integer',
    doc: 'Metrics port.',
    default: String(PORTS.metrics),
    min: 0,
    max: 65535,
  },
  grpcPort: {
    name: 'LNMT_GRPC_PORT',
    kind: 'integer',
    doc: 'gRPC port; without one the server speaks HTTP only.',
    optional: true,
    min: 0,
    max: 65535,
  },
  auth: {
    name: 'LNMT_AUTH',
    kind: 'list',
    values: ['api-keys', 'jwt', 'mtls', 'none'],
    doc: 'How callers prove who they are, one or several. `none` outside localhost needs LNMT_AUTH_NONE_REASON.',
    default: 'api-keys',
  },
  authNoneReason: {
    name: 'LNMT_AUTH_NONE_REASON',
    kind: 'string',
    doc: 'Why an exposed server may answer anyone; printed as a warning at start.',
    optional: true,
  },
  apiKeysDir: {
    name: 'LNMT_API_KEYS_DIR',
    kind: 'string',
    doc: 'Folder with the mounted API-key file.',
    default: VOLUMES.apiKeys,
  },
  jwtIssuer: {
    name: 'LNMT_JWT_ISSUER',
    kind: 'string',
    doc: 'Issuer (`iss`) whose tokens are accepted.',
    optional: true,
  },
  jwtAudience: {
    name: 'LNMT_JWT_AUDIENCE',
    kind: 'string',
    doc: 'Audience (`aud`) that a token must name.',
    optional: true,
  },
  jwtJwksUri: {
    name: 'LNMT_JWT_JWKS_URI',
    kind: 'string',
    doc: 'URL of the key set of the issuer; https outside localhost.',
    optional: true,
  },
  jwtAlgorithms: {
    name: 'LNMT_JWT_ALGORITHMS',
    kind: 'list',
    values: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'],
    doc: 'Signature algorithms that are accepted; a token cannot choose another.',
    default: 'RS256,PS256,ES256,EdDSA',
  },
  jwtScopesClaim: {
    name: 'LNMT_JWT_SCOPES_CLAIM',
    kind: 'string',
    doc: 'Claim with the scopes: a list, or a text with blanks between them; dots lead into objects.',
    default: 'scope',
  },
  tlsCertFile: {
    name: 'LNMT_TLS_CERT_FILE',
    kind: 'string',
    doc: 'Certificate chain in PEM; HTTP and gRPC speak TLS with it. The TLS files are followed as they change.',
    optional: true,
  },
  tlsKeyFile: {
    name: 'LNMT_TLS_KEY_FILE',
    kind: 'string',
    doc: 'Private key in PEM that belongs to LNMT_TLS_CERT_FILE.',
    optional: true,
  },
  tlsClientCaFile: {
    name: 'LNMT_TLS_CLIENT_CA_FILE',
    kind: 'string',
    doc: 'Certificates in PEM of those who issue client certificates; asks clients for one.',
    optional: true,
  },
  mtlsScopes: {
    name: 'LNMT_MTLS_SCOPES',
    kind: 'list',
    values: ['infer', 'read', 'manage'],
    doc: 'What the holder of an accepted client certificate may do.',
    default: 'infer,read',
  },
  policyFile: {
    name: 'LNMT_POLICY_FILE',
    kind: 'string',
    doc: 'Cedar policies beside the scopes; a `forbid` wins. Read at start only. Needs the package @cedar-policy/cedar-wasm.',
    optional: true,
  },
  ratePerSecond: {
    name: 'LNMT_RATE_PER_SECOND',
    kind: 'integer',
    doc: 'Requests per second of one caller, in the mean; 0 sets no limit. An entry of the key file may set its own.',
    default: '0',
    min: 0,
    max: 1000000,
  },
  rateBurst: {
    name: 'LNMT_RATE_BURST',
    kind: 'integer',
    doc: 'Requests that one caller may send at once; 0 stands for two seconds of its rate.',
    default: '0',
    min: 0,
    max: 1000000,
  },
  callerConcurrency: {
    name: 'LNMT_CALLER_CONCURRENCY',
    kind: 'integer',
    doc: 'Requests of one caller that are answered at the same time; one more is refused with 429.',
    default: '64',
    min: 1,
    max: 100000,
  },
  requestsPerDay: {
    name: 'LNMT_REQUESTS_PER_DAY',
    kind: 'integer',
    doc: 'Requests of one caller in a day of UTC, on each replica; 0 sets no limit.',
    default: '0',
    min: 0,
  },
  connectionsPerAddress: {
    name: 'LNMT_CONNECTIONS_PER_ADDRESS',
    kind: 'integer',
    doc: 'Open connections from one address; 0 sets no limit, as behind a proxy that holds many. The metrics port, where health answers too, has none.',
    default: '256',
    min: 0,
    max: 1000000,
  },
  auditFile: {
    name: 'LNMT_AUDIT_FILE',
    kind: 'string',
    doc: 'File that receives the audit log: who did what, and how it ended; never payloads.',
    optional: true,
  },
  auditFileBytes: {
    name: 'LNMT_AUDIT_FILE_BYTES',
    kind: 'bytes',
    doc: 'Bytes of the audit log at which its file is moved aside, under the number of its last entry.',
    default: '67108864',
    min: 1048576,
  },
  auditFiles: {
    name: 'LNMT_AUDIT_FILES',
    kind: 'integer',
    doc: 'Files that the audit log is kept in; the oldest goes. 0 keeps all, so that somebody has to carry them away.',
    default: '0',
    min: 0,
    max: 100000,
  },
  graphql: {
    name: 'LNMT_GRAPHQL',
    kind: 'boolean',
    doc: 'Answers GraphQL at /graphql, for callers that are known; needs the package graphql.',
    default: 'false',
  },
  payloadLogFile: {
    name: 'LNMT_PAYLOAD_LOG_FILE',
    kind: 'string',
    doc: 'File that receives a sample of requests and answers, as lines of JSON.',
    optional: true,
  },
  payloadLogKeyFile: {
    name: 'LNMT_PAYLOAD_LOG_KEY_FILE',
    kind: 'string',
    doc: 'File with the key, 16 bytes or more, that pseudonyms and hashes in the payload log are made with.',
    optional: true,
  },
  payloadLogRates: {
    name: 'LNMT_PAYLOAD_LOG_RATES',
    kind: 'list',
    doc: 'Share of the requests of each model that the payload log takes: `MODEL=RATE`, with `*` for all others.',
    default: '*=0.01',
  },
  payloadLogTensors: {
    name: 'LNMT_PAYLOAD_LOG_TENSORS',
    kind: 'list',
    doc: 'What the payload log has of each tensor: `[MODEL/]NAME=keep`, `hash` or `drop`. Unsaid, numbers are kept and text is hashed.',
    optional: true,
  },
  payloadLogRecordBytes: {
    name: 'LNMT_PAYLOAD_LOG_RECORD_BYTES',
    kind: 'bytes',
    doc: 'Most bytes of one record of the payload log; values beyond them are left out.',
    default: '65536',
    min: 1024,
    max: 4194304,
  },
  payloadLogFileBytes: {
    name: 'LNMT_PAYLOAD_LOG_FILE_BYTES',
    kind: 'bytes',
    doc: 'Bytes of the payload log at which its file is moved aside.',
    default: '67108864',
    min: 1048576,
  },
  payloadLogFiles: {
    name: 'LNMT_PAYLOAD_LOG_FILES',
    kind: 'integer',
    doc: 'Files that the payload log is kept in; the oldest goes.',
    default: '4',
    min: 1,
    max: 1000,
  },
  driftRowsPerSecond: {
    name: 'LNMT_DRIFT_ROWS_PER_SECOND',
    kind: 'integer',
    doc: 'Rows a second that are compared with the baseline of a model that has one, at most; 0 compares none.',
    default: '1000',
    min: 0,
    max: 1000000,
  },
  metricAliases: {
    name: 'LNMT_METRIC_ALIASES',
    kind: 'list',
    values: ['triton', 'vllm', 'none'],
    doc: 'Names of others that metrics are shown under too, for dashboards that know those: 15 series a version for Triton, 60 for vLLM where text is generated.',
    default: 'triton,vllm',
  },
  otlpEndpoint: {
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    kind: 'string',
    doc: 'Collector that receives traces by OTLP over HTTP; needs the OpenTelemetry packages.',
    optional: true,
  },
  maxRequestBytes: {
    name: 'LNMT_MAX_REQUEST_BYTES',
    kind: 'bytes',
    doc: 'Largest accepted request body. Over gRPC a message may have 64 MiB, or this where it is more.',
    default: '8388608',
    min: 1024,
    max: 1073741824,
  },
  maxConcurrency: {
    name: 'LNMT_MAX_CONCURRENCY',
    kind: 'integer',
    doc: 'Requests in the queue or running; one more is refused with 429.',
    default: '1000',
    min: 1,
    max: 100000,
  },
  runTimeout: {
    name: 'LNMT_RUN_TIMEOUT_SECONDS',
    kind: 'duration',
    doc: 'Seconds that one model run may take; a longer one is answered with 504 and its process is replaced.',
    default: '30',
    min: 0.1,
    max: 3600,
  },
  loadTimeout: {
    name: 'LNMT_LOAD_TIMEOUT_SECONDS',
    kind: 'duration',
    doc: 'Seconds that the process of a model may take to load its graph; after that it is ended, and the model is not loaded.',
    default: '600',
    min: 0.1,
    max: 86400,
  },
  workers: {
    name: 'LNMT_WORKERS',
    kind: 'integer',
    doc: 'Sessions of the model that run beside one another; 0 chooses from cores, memory and the time of a run.',
    default: '0',
    min: 0,
    max: 256,
  },
  threads: {
    name: 'LNMT_INTRA_OP_THREADS',
    kind: 'integer',
    doc: 'Threads that one model run may use; 0 divides the cores among the workers.',
    default: '0',
    min: 0,
    max: 1024,
  },
  hostMemoryBytes: {
    name: 'LNMT_HOST_MEMORY_BYTES',
    kind: 'bytes',
    doc: 'Most memory of the process that runs the model; 0 is no limit of its own.',
    default: '0',
    min: 0,
  },
  memoryLimitBytes: {
    name: 'LNMT_MEMORY_LIMIT_BYTES',
    kind: 'bytes',
    doc: 'Memory limit of the container, where its manifest can name it: without LNMT_HOST_MEMORY_BYTES a process that runs a model on the CPU may take what the server leaves of it.',
    optional: true,
    min: 0,
  },
  maxBatchSize: {
    name: 'LNMT_MAX_BATCH_SIZE',
    kind: 'integer',
    doc: 'Most rows that are run together; 0 measures the best at load, 1 switches batching off.',
    default: '0',
    min: 0,
    max: 4096,
  },
  maxQueueDelay: {
    name: 'LNMT_MAX_QUEUE_DELAY_SECONDS',
    kind: 'duration',
    doc: 'Seconds that a batch may wait to grow while the model is busy. It never waits while the model is idle.',
    default: '0',
    min: 0,
    max: 10,
  },
  preferredBatchSizes: {
    name: 'LNMT_PREFERRED_BATCH_SIZES',
    kind: 'list',
    doc: 'Batch sizes worth waiting for, ascending, e.g. `8,16`; only with a queue delay.',
    optional: true,
  },
  maxQueueSize: {
    name: 'LNMT_MAX_QUEUE_SIZE',
    kind: 'integer',
    doc: 'Requests that may wait for the model; one more is refused with 503.',
    default: '1000',
    min: 1,
    max: 100000,
  },
  kvCacheBytes: {
    name: 'LNMT_KV_CACHE_BYTES',
    kind: 'bytes',
    doc: 'Memory for the KV cache of the answers that one decoder generates; an answer that finds no place is refused with 429.',
    default: '536870912',
    min: 1,
  },
  maxSequences: {
    name: 'LNMT_MAX_SEQUENCES',
    kind: 'integer',
    doc: 'Answers that take their next token in one run of a decoder.',
    default: '32',
    min: 1,
    max: 1024,
  },
  responseCacheBytes: {
    name: 'LNMT_RESPONSE_CACHE_BYTES',
    kind: 'bytes',
    doc: 'Memory for answers that are given again, to models that allow it; 0 keeps none.',
    default: '0',
    min: 0,
  },
  responseCacheModels: {
    name: 'LNMT_RESPONSE_CACHE_MODELS',
    kind: 'list',
    doc: 'Models whose answers are kept though their own settings do not say `cache`.',
    optional: true,
  },
  responseCacheTtl: {
    name: 'LNMT_RESPONSE_CACHE_TTL_SECONDS',
    kind: 'duration',
    doc: 'Seconds for which an answer is given again, where the model does not say.',
    default: '300',
    min: 1,
    max: 2592000,
  },
  responseCacheShared: {
    name: 'LNMT_RESPONSE_CACHE_SHARED',
    kind: 'boolean',
    doc: 'Whether a caller gets what another was answered; the time of an answer then tells what others ask.',
    default: 'false',
  },
  responseCacheUrl: {
    name: 'LNMT_RESPONSE_CACHE_URL',
    kind: 'string',
    doc: 'Redis or Valkey that several servers share answers in, `redis://` or `rediss://`; needs the package ioredis.',
    optional: true,
  },
  responseCacheUsername: {
    name: 'LNMT_RESPONSE_CACHE_USERNAME',
    kind: 'string',
    doc: 'User of that server.',
    optional: true,
  },
  responseCachePassword: {
    name: 'LNMT_RESPONSE_CACHE_PASSWORD',
    kind: 'string',
    doc: 'Password of that user.',
    optional: true,
  },
  responseCacheWait: {
    name: 'LNMT_RESPONSE_CACHE_WAIT_SECONDS',
    kind: 'duration',
    doc: 'Seconds that a request waits for that server at most, before its model is asked.',
    default: '0.005',
    min: 0.001,
    max: 10,
  },
  executionProvider: {
    name: 'LNMT_EXECUTION_PROVIDER',
    kind: 'enum',
    values: ['cpu', 'cuda', 'tensorrt', 'webgpu'],
    doc: 'ONNX Runtime execution provider. Never replaced silently.',
    default: 'cpu',
  },
  gpuIndex: {
    name: 'LNMT_GPU_INDEX',
    kind: 'integer',
    doc: 'GPU that models run on, counted among those that the process sees; for cuda and tensorrt.',
    default: '0',
    min: 0,
    max: 63,
  },
  allowCpuFallback: {
    name: 'LNMT_ALLOW_CPU_FALLBACK',
    kind: 'boolean',
    doc: 'Whether a GPU provider may leave operators that it lacks to the CPU. Otherwise such a model is refused.',
    default: 'false',
  },
  dedicatedCores: {
    name: 'LNMT_DEDICATED_CORES',
    kind: 'boolean',
    doc: 'Whether the cores are the server’s own. Threads of one run then spin while they wait for one another: it answers a lone caller sooner, and takes time from whatever shares the cores.',
    default: 'false',
  },
  processingTimeout: {
    name: 'LNMT_PROCESSING_TIMEOUT_SECONDS',
    kind: 'duration',
    doc: 'Seconds that one step of an image or a plugin may take; a longer one is answered with 504 and its process is replaced.',
    default: '5',
    min: 0.05,
    max: 600,
  },
  processingMemoryBytes: {
    name: 'LNMT_PROCESSING_MEMORY_BYTES',
    kind: 'bytes',
    doc: 'Most memory of one process that decodes images or runs a plugin; 0 is no limit of its own.',
    default: '1073741824',
    min: 0,
  },
  processingProcesses: {
    name: 'LNMT_PROCESSING_PROCESSES',
    kind: 'integer',
    doc: 'Processes that decode images, and processes of each plugin.',
    default: '1',
    min: 1,
    max: 64,
  },
  pluginsDir: {
    name: 'LNMT_PLUGINS_DIR',
    kind: 'string',
    doc: 'Folder whose subfolders with a plugin.json are the plugins of the server.',
    optional: true,
  },
  plugins: {
    name: 'LNMT_PLUGINS',
    kind: 'list',
    doc: 'npm packages beside the server that are plugins, too.',
    optional: true,
  },
  pluginsAllow: {
    name: 'LNMT_PLUGINS_ALLOW',
    kind: 'list',
    doc: 'SHA-256 of the plugins that may run, each with what it may do beyond computing: `DIGEST` or `DIGEST+network`.',
    optional: true,
  },
  pluginsAllowFile: {
    name: 'LNMT_PLUGINS_ALLOW_FILE',
    kind: 'string',
    doc: 'File with the same, one plugin in a line; `#` begins a remark.',
    optional: true,
  },
  nonFiniteInputs: {
    name: 'LNMT_NON_FINITE_INPUTS',
    kind: 'enum',
    values: ['allow', 'refuse'],
    doc: 'Whether NaN and infinity are accepted in inputs for which the model states no rule. Binary tensors and gRPC can carry them, JSON cannot.',
    default: 'allow',
  },
  upstreamUrl: {
    name: 'LNMT_UPSTREAM_URL',
    kind: 'string',
    doc: 'Server that answers what this one cannot, by the same protocol: https, or http on this machine.',
    optional: true,
  },
  upstreamMode: {
    name: 'LNMT_UPSTREAM_MODE',
    kind: 'enum',
    values: ['local-first', 'upstream-first'],
    doc: 'Who is asked first where there is an upstream server; the other answers when it does not.',
    default: 'local-first',
  },
  upstreamKeyFile: {
    name: 'LNMT_UPSTREAM_KEY_FILE',
    kind: 'string',
    doc: 'Mounted file with the key that the upstream server knows this one by; the keys of callers never go there.',
    optional: true,
  },
  upstreamTimeout: {
    name: 'LNMT_UPSTREAM_TIMEOUT_SECONDS',
    kind: 'duration',
    doc: 'Seconds that the upstream server may take where nobody else can answer.',
    default: '30',
    min: 0.01,
    max: 3600,
  },
  upstreamPatience: {
    name: 'LNMT_UPSTREAM_PATIENCE_SECONDS',
    kind: 'duration',
    doc: 'Seconds that the upstream server may take, when it is asked first, before a local model answers.',
    default: '1',
    min: 0.01,
    max: 3600,
  },
  upstreamConnections: {
    name: 'LNMT_UPSTREAM_CONNECTIONS',
    kind: 'integer',
    doc: 'Requests that the upstream server is asked at the same time; one more is not passed on.',
    default: '64',
    min: 1,
    max: 10000,
  },
  upstreamHeaders: {
    name: 'LNMT_UPSTREAM_HEADERS',
    kind: 'list',
    doc: 'Headers of requests that go along to the upstream server, in lower case, as its traffic rules and pipelines go by them. `cache-control` always does, credentials never do.',
    optional: true,
  },
  upstreamCaFile: {
    name: 'LNMT_UPSTREAM_CA_FILE',
    kind: 'string',
    doc: 'Certificates in PEM of those who certify the upstream server, instead of the public ones. New ones are taken within seconds.',
    optional: true,
  },
  upstreamCertFile: {
    name: 'LNMT_UPSTREAM_CERT_FILE',
    kind: 'string',
    doc: 'Certificate chain in PEM by which this server shows the upstream server who it is. A renewed one is taken within seconds, once its key fits.',
    optional: true,
  },
  upstreamCertKeyFile: {
    name: 'LNMT_UPSTREAM_CERT_KEY_FILE',
    kind: 'string',
    doc: 'Private key in PEM that belongs to LNMT_UPSTREAM_CERT_FILE.',
    optional: true,
  },
  telemetryUrl: {
    name: 'LNMT_TELEMETRY_URL',
    kind: 'string',
    doc: 'Collector that is sent metrics as JSON lines, kept on the disk while it is out of reach: https, or http on this machine.',
    optional: true,
  },
  telemetryTokenFile: {
    name: 'LNMT_TELEMETRY_TOKEN_FILE',
    kind: 'string',
    doc: 'Mounted file with the bearer token for the collector.',
    optional: true,
  },
  telemetryCaFile: {
    name: 'LNMT_TELEMETRY_CA_FILE',
    kind: 'string',
    doc: 'Certificates in PEM of those who certify the collector, instead of the public ones. New ones are taken within seconds.',
    optional: true,
  },
  telemetryDir: {
    name: 'LNMT_TELEMETRY_DIR',
    kind: 'string',
    doc: 'Folder for telemetry that the collector has not taken; one server alone uses it.',
    default: VOLUMES.telemetry,
  },
  telemetryBytes: {
    name: 'LNMT_TELEMETRY_BYTES',
    kind: 'bytes',
    doc: 'Most bytes in that folder; the oldest records are given up for new ones.',
    default: '67108864',
    min: 65536,
  },
  telemetryPayloads: {
    name: 'LNMT_TELEMETRY_PAYLOADS',
    kind: 'boolean',
    doc: 'Sends what the payload log writes to the collector, too, as it is redacted there.',
    default: 'false',
  },
  telemetryInterval: {
    name: 'LNMT_TELEMETRY_INTERVAL_SECONDS',
    kind: 'duration',
    doc: 'Seconds between two records of the metrics.',
    default: '60',
    min: 0.1,
    max: 86400,
  },
  drainDelay: {
    name: 'LNMT_DRAIN_DELAY_SECONDS',
    kind: 'duration',
    doc: 'Seconds after SIGTERM in which the server is not ready but still accepts.',
    default: String(SHUTDOWN.drainDelay),
    min: 0,
    max: 600,
  },
  grace: {
    name: 'LNMT_GRACE_SECONDS',
    kind: 'duration',
    doc: 'Seconds that requests in flight may take after the listener closed. What is open then is answered 503 with Retry-After (gRPC: UNAVAILABLE; event streams: an error as their last event).',
    default: String(SHUTDOWN.grace),
    min: 0,
    max: 3600,
  },
  logLevel: {
    name: 'LNMT_LOG_LEVEL',
    kind: 'enum',
    values: ['fatal', 'error', 'warn', 'info', 'debug', 'trace'],
    doc: 'Least severe level that is logged.',
    default: 'info',
  },
  s3Endpoint: {
    name: 'LNMT_S3_ENDPOINT',
    kind: 'string',
    doc: 'URL of an S3-compatible store other than AWS.',
    optional: true,
  },
  gcsEndpoint: {
    name: 'LNMT_GCS_ENDPOINT',
    kind: 'string',
    doc: 'URL of an emulator of Google Cloud Storage, which is asked without credentials.',
    optional: true,
  },
  azureEndpoint: {
    name: 'LNMT_AZURE_ENDPOINT',
    kind: 'string',
    doc: 'URL of Azure Blob Storage with the account, where it is not the public cloud.',
    optional: true,
  },
  azureAccountKey: {
    name: 'AZURE_STORAGE_KEY',
    kind: 'string',
    doc: 'Key of the Azure storage account; unset where the pod has an identity.',
    optional: true,
  },
  s3Region: { name: 'AWS_REGION', kind: 'string', doc: 'Region of the S3 store.', optional: true },
  s3AccessKeyId: {
    name: 'AWS_ACCESS_KEY_ID',
    kind: 'string',
    doc: 'Static S3 credential; unset where the pod has an identity.',
    optional: true,
  },
  s3SecretAccessKey: {
    name: 'AWS_SECRET_ACCESS_KEY',
    kind: 'string',
    doc: 'Static S3 credential; unset where the pod has an identity.',
    optional: true,
  },
} as const satisfies Record<string, EnvVariable>;

/** Settings of a training job: what the manifest of a `GpuTrainingCluster` tells its container. */
export const TRAINING_ENV = {
  checkpointUri: {
    name: 'LNMT_CHECKPOINT_URI',
    kind: 'string',
    doc: 'Store that receives checkpoints, e.g. `s3://bucket/prefix`.',
  },
  checkpointDir: {
    name: 'LNMT_CHECKPOINT_DIR',
    kind: 'string',
    doc: 'Local folder for checkpoints before they are uploaded.',
    default: VOLUMES.checkpoints,
  },
  scratchDir: { name: 'LNMT_SCRATCH_DIR', kind: 'string', doc: 'Parallel scratch.', optional: true },
  gpusPerNode: { name: 'LNMT_GPUS_PER_NODE', kind: 'integer', doc: 'GPUs of each rank’s node.', min: 0, max: 64 },
  nodes: { name: 'LNMT_NODES', kind: 'integer', doc: 'Nodes of the job.', min: 1, max: 4096 },
  coordinator: {
    name: 'LNMT_COORDINATOR',
    kind: 'string',
    doc: 'DNS name of rank 0, where the ranks meet. The rank itself is JOB_COMPLETION_INDEX, which Kubernetes sets.',
    optional: true,
  },
} as const satisfies Record<string, EnvVariable>;

/** Variable with the name of the pod, for manifests that need it inside of another. */
export const POD_NAME_VARIABLE = 'LNMT_POD_NAME';

/** Variables of the `lnmt` command, and what it tells the program that it runs. */
export const CLI_ENV = {
  debug: {
    name: 'LNMT_DEBUG',
    kind: 'string',
    doc: 'Set to anything, the command prints the stack trace of a defect.',
    optional: true,
  },
  target: {
    name: 'LNMT_TARGET',
    kind: 'string',
    doc: 'Name of the target to synthesize, set by `lnmt plan --all-targets`.',
    optional: true,
  },
  apiKey: {
    name: 'LNMT_API_KEY',
    kind: 'string',
    doc: 'API key of an endpoint: `lnmt bench` sends it, and the commands that are printed as examples read it.',
    optional: true,
  },
} as const satisfies Record<string, EnvVariable>;

/** Key of {@link INFERENCE_ENV}. */
export type InferenceSetting = keyof typeof INFERENCE_ENV;

/** Settings by name, each as its text in the environment; unset ones are absent. */
export type EnvSettings<T extends Record<string, EnvVariable>> = { readonly [K in keyof T]?: string };

/** Turns settings into environment variables, in the order of the table. */
export function toEnv<T extends Record<string, EnvVariable>>(
  table: T,
  settings: EnvSettings<T>,
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [key, row] of Object.entries(table)) {
    const value = settings[key];
    if (value !== undefined) env[row.name] = value;
  }
  return env;
}
