/** One Prometheus metric of the servers. */
export interface MetricDefinition {
  /** Exposition name. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Label names, in the order in which servers give them. */
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets, in the metric's unit. */
  readonly buckets?: readonly number[];
  /**
   * The metric that a HorizontalPodAutoscaler reads, derived from this one. It stands in the same row because a
   * name mismatch between server, adapter rule and autoscaler is never reported by anything.
   */
  readonly derived?: {
    readonly name: string;
    readonly window: string;
    /** Values of the label `code` that are left out. */
    readonly withoutCodes: readonly string[];
  };
}

/**
 * Codes of requests that were refused for who sent them, before any work: whoever has no key must be able neither to
 * scale an endpoint nor to hide its failures behind requests of no worth.
 */
export const REFUSED_CALLER_CODES = ['401', '403'] as const;

/** The same, and those that came while their caller, or all together, had too much under way. */
export const TURNED_AWAY_CODES = [...REFUSED_CALLER_CODES, '429'] as const;

/** Bounds of histograms of times, in seconds. */
export const LATENCY_BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
] as const;
const MODEL_LABELS = ['model', 'version'] as const;

/** Every metric that LNMT's servers expose. */
export const METRICS = {
  inferenceRequests: {
    name: 'lnmt_inference_requests_total',
    type: 'counter',
    help: 'Inference requests received, by outcome',
    labels: [...MODEL_LABELS, 'code'],
    // A full server says 429, which is load.
    derived: { name: 'inference_requests_per_second', window: '1m', withoutCodes: REFUSED_CALLER_CODES },
  },
  inferenceDuration: {
    name: 'lnmt_inference_duration_seconds',
    type: 'histogram',
    help: 'Time from request received to response ready, of requests whose caller was let in',
    labels: MODEL_LABELS,
    buckets: LATENCY_BUCKETS,
  },
  queueDuration: {
    name: 'lnmt_inference_queue_duration_seconds',
    type: 'histogram',
    help: 'Time that a request waited for a batch',
    labels: MODEL_LABELS,
    buckets: LATENCY_BUCKETS,
  },
  computeDuration: {
    name: 'lnmt_inference_compute_duration_seconds',
    type: 'histogram',
    help: 'Time that the model ran for a batch',
    labels: MODEL_LABELS,
    buckets: LATENCY_BUCKETS,
  },
  batchSize: {
    name: 'lnmt_inference_batch_size',
    type: 'histogram',
    help: 'Requests in one batch',
    labels: MODEL_LABELS,
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
  },
  runFailures: {
    name: 'lnmt_model_run_failures_total',
    type: 'counter',
    help: 'Runs of the model that failed, by error code; a batch that is run again one by one counts with each run',
    labels: [...MODEL_LABELS, 'code'],
  },
  queueDepth: {
    name: 'lnmt_inference_queue_depth',
    type: 'gauge',
    help: 'Requests admitted and not yet running',
    labels: MODEL_LABELS,
  },
  queueDropped: {
    name: 'lnmt_inference_queue_dropped_total',
    type: 'counter',
    help: 'Requests given up before they ran: their client left, or their deadline expired',
    labels: [...MODEL_LABELS, 'reason'],
  },
  hostMemory: {
    name: 'lnmt_model_host_memory_bytes',
    type: 'gauge',
    help: 'Resident memory of the process that runs the model',
    labels: MODEL_LABELS,
  },
  modelReady: {
    name: 'lnmt_model_ready',
    type: 'gauge',
    help: '1 while the model can serve, else 0',
    labels: MODEL_LABELS,
  },
  modelLoadDuration: {
    name: 'lnmt_model_load_duration_seconds',
    type: 'gauge',
    help: 'Time of the last successful load',
    labels: MODEL_LABELS,
  },
  modelLoadFailures: {
    name: 'lnmt_model_load_failures_total',
    type: 'counter',
    help: 'Tries to load a model that failed, by the code of the error',
    labels: ['model', 'code'],
  },
  modelEvictions: {
    name: 'lnmt_model_evictions_total',
    type: 'counter',
    help: 'Times that a model left the memory to make room for another',
    labels: MODEL_LABELS,
  },
  modelOffline: {
    name: 'lnmt_model_offline',
    type: 'gauge',
    help: '1 while the files of the model are the last good ones, as its repository was out of reach or its newest unfit, else 0',
    labels: MODEL_LABELS,
  },
  modelFilesDamaged: {
    name: 'lnmt_model_files_damaged_total',
    type: 'counter',
    help: 'Times that files of a model on the disk were found to differ from its manifest after they had been whole',
    labels: MODEL_LABELS,
  },
  modelCacheBytes: {
    name: 'lnmt_model_cache_bytes',
    type: 'gauge',
    help: 'Bytes of model files on disk, whole and on their way',
    labels: [],
  },
  pipelineReady: {
    name: 'lnmt_pipeline_ready',
    type: 'gauge',
    help: '1 while the pipeline can serve, else 0',
    labels: ['pipeline'],
  },
  pipelineStepDuration: {
    name: 'lnmt_pipeline_step_duration_seconds',
    type: 'histogram',
    help: 'Time that a step of a pipeline took, all its tries together',
    labels: ['pipeline', 'step'],
    buckets: LATENCY_BUCKETS,
  },
  pipelineStepFailures: {
    name: 'lnmt_pipeline_step_failures_total',
    type: 'counter',
    help: 'Steps of a pipeline that failed, by code, whether or not the request did',
    labels: ['pipeline', 'step', 'code'],
  },
  pipelineBranches: {
    name: 'lnmt_pipeline_branches_total',
    type: 'counter',
    help: 'Times that a switch, splitter or fallback took a branch',
    labels: ['pipeline', 'step'],
  },
  promptTokens: {
    name: 'lnmt_prompt_tokens_total',
    type: 'counter',
    help: 'Tokens of prompts that answers were generated for',
    labels: MODEL_LABELS,
  },
  generatedTokens: {
    name: 'lnmt_generated_tokens_total',
    type: 'counter',
    help: 'Tokens that were generated',
    labels: MODEL_LABELS,
  },
  timeToFirstToken: {
    name: 'lnmt_time_to_first_token_seconds',
    type: 'histogram',
    help: 'Time from a prompt to the first token of its answer',
    labels: MODEL_LABELS,
    buckets: LATENCY_BUCKETS,
  },
  kvCacheReserved: {
    name: 'lnmt_kv_cache_reserved_bytes',
    type: 'gauge',
    help: 'Memory of the KV cache that answers in the making have reserved',
    labels: MODEL_LABELS,
  },
  trafficRequests: {
    name: 'lnmt_traffic_requests_total',
    type: 'counter',
    help: 'Requests that name no version, by the version that a traffic rule gave them and what decided',
    labels: [...MODEL_LABELS, 'reason'],
  },
  trafficShare: {
    name: 'lnmt_traffic_share_ratio',
    type: 'gauge',
    help: 'Share of the requests that weights or a canary give to a version',
    labels: MODEL_LABELS,
  },
  canaryPhase: {
    name: 'lnmt_traffic_canary_phase',
    type: 'gauge',
    help: '1 for the phase that a canary is in: running, held, promoted or rolled-back',
    labels: [...MODEL_LABELS, 'phase'],
  },
  canaryStep: {
    name: 'lnmt_traffic_canary_step',
    type: 'gauge',
    help: 'Step of a canary, from 1',
    labels: MODEL_LABELS,
  },
  canaryAlarm: {
    name: 'lnmt_traffic_canary_alarm_ratio',
    type: 'gauge',
    help: 'How far a test of a canary is on its way to rolling it back, which is 1',
    labels: [...MODEL_LABELS, 'test'],
  },
  canaryOutcomes: {
    name: 'lnmt_traffic_canary_outcomes_total',
    type: 'counter',
    help: 'Requests that a canary was judged by, to itself and to the stable version',
    labels: [...MODEL_LABELS, 'role', 'outcome'],
  },
  canaryDecisions: {
    name: 'lnmt_traffic_canary_decisions_total',
    type: 'counter',
    help: 'Changes of a canary: started, advanced, held, promoted or rolled-back',
    labels: [...MODEL_LABELS, 'decision'],
  },
  shadowRequests: {
    name: 'lnmt_shadow_requests_total',
    type: 'counter',
    help: 'Copies of requests to another version: same, different, failed or dropped',
    labels: [...MODEL_LABELS, 'outcome'],
  },
  shadowDuration: {
    name: 'lnmt_shadow_duration_seconds',
    type: 'histogram',
    help: 'Time until the answer to a copy of a request',
    labels: MODEL_LABELS,
    buckets: LATENCY_BUCKETS,
  },
  shadowDeviation: {
    name: 'lnmt_shadow_deviation_ratio',
    type: 'histogram',
    help: 'Largest deviation of a number in the answer to a copy, as a share of the number in the answer',
    labels: MODEL_LABELS,
    buckets: [1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1],
  },
  responseCacheRequests: {
    name: 'lnmt_response_cache_requests_total',
    type: 'counter',
    help: 'Requests to models whose answers are cached: hit, second-level, joined, miss or bypassed',
    labels: [...MODEL_LABELS, 'outcome'],
  },
  responseCacheEvictions: {
    name: 'lnmt_response_cache_evictions_total',
    type: 'counter',
    help: 'Answers that left the response cache to make room',
    labels: [],
  },
  responseCacheBytes: {
    name: 'lnmt_response_cache_bytes',
    type: 'gauge',
    help: 'Bytes that the response cache holds in this process',
    labels: [],
  },
  responseCacheEntries: {
    name: 'lnmt_response_cache_entries',
    type: 'gauge',
    help: 'Answers that the response cache holds in this process',
    labels: [],
  },
  responseCacheSecondLevel: {
    name: 'lnmt_response_cache_second_level_total',
    type: 'counter',
    help: 'What came of asking the second level: hit, miss, stored, late, failed, wrong or refused by the breaker',
    labels: ['outcome'],
  },
  responseCacheBreaker: {
    name: 'lnmt_response_cache_breaker_state',
    type: 'gauge',
    help: 'Breaker before the second level: 0 closed, 1 half open, 2 open',
    labels: [],
  },
  tokenInterval: {
    name: 'lnmt_time_per_output_token_seconds',
    type: 'histogram',
    help: 'Time from one token of an answer to the next',
    labels: MODEL_LABELS,
    buckets: LATENCY_BUCKETS,
  },
  answersRunning: {
    name: 'lnmt_answers_running',
    type: 'gauge',
    help: 'Generated answers under way that have a token already',
    labels: MODEL_LABELS,
  },
  answersWaiting: {
    name: 'lnmt_answers_waiting',
    type: 'gauge',
    help: 'Generated answers under way that have no token yet',
    labels: MODEL_LABELS,
  },
  kvCacheUsage: {
    name: 'lnmt_kv_cache_usage_ratio',
    type: 'gauge',
    help: 'Share of the KV cache that is reserved, 0 to 1',
    labels: MODEL_LABELS,
  },
  buildInfo: {
    name: 'lnmt_build_info',
    type: 'gauge',
    help: '1, with the versions of the server and of what runs it',
    labels: ['version', 'node'],
  },
  pending: {
    name: 'lnmt_pending',
    type: 'gauge',
    help: 'Inference requests that were taken in and are not answered yet',
    labels: [],
  },
  saturation: {
    name: 'lnmt_saturation',
    type: 'gauge',
    help: 'How near the server is to refusing requests, 0 to 1: the fullest of its admission and its queues',
    labels: [],
  },
  gpuUtilization: {
    name: 'lnmt_gpu_utilization_ratio',
    type: 'gauge',
    help: 'Share of time that the GPU was busy, 0 to 1; absent where its driver does not tell',
    labels: ['gpu'],
  },
  gpuMemoryUsed: {
    name: 'lnmt_gpu_memory_used_bytes',
    type: 'gauge',
    help: 'Memory of the GPU that is taken; absent where its driver does not tell',
    labels: ['gpu'],
  },
  gpuMemoryTotal: {
    name: 'lnmt_gpu_memory_bytes',
    type: 'gauge',
    help: 'Memory of the GPU; absent where its driver does not tell',
    labels: ['gpu'],
  },
  payloadRecords: {
    name: 'lnmt_payload_log_records_total',
    type: 'counter',
    help: 'Records of the payload log, by what became of them: written, or lost to a full queue or a full disk',
    labels: ['outcome'],
  },
  driftPsi: {
    name: 'lnmt_drift_psi',
    type: 'gauge',
    help: 'Population stability index of a feature against the baseline of its model',
    labels: [...MODEL_LABELS, 'feature'],
  },
  driftKs: {
    name: 'lnmt_drift_ks',
    type: 'gauge',
    help: 'Kolmogorov-Smirnov distance of a feature from the baseline of its model, 0 to 1',
    labels: [...MODEL_LABELS, 'feature'],
  },
  driftDetected: {
    name: 'lnmt_drift_detected',
    type: 'gauge',
    help: '1 while any feature of the model differs from the baseline by more than chance explains, else 0',
    labels: MODEL_LABELS,
  },
  driftRows: {
    name: 'lnmt_drift_rows_total',
    type: 'counter',
    help: 'Rows that were compared with the baseline of their model',
    labels: MODEL_LABELS,
  },
  processingDuration: {
    name: 'lnmt_processing_step_duration_seconds',
    type: 'histogram',
    help: 'Time of one step before or after a model',
    labels: [...MODEL_LABELS, 'step'],
    buckets: LATENCY_BUCKETS,
  },
  processingRefusals: {
    name: 'lnmt_processing_refusals_total',
    type: 'counter',
    help: 'Requests that a declared bound of an input or a step refused, by error code',
    labels: [...MODEL_LABELS, 'code'],
  },
  processingFiltered: {
    name: 'lnmt_processing_filtered_total',
    type: 'counter',
    help: 'Elements of answers that the output filter changed, by rule',
    labels: [...MODEL_LABELS, 'rule'],
  },
  processingRestarts: {
    name: 'lnmt_processing_restarts_total',
    type: 'counter',
    help: 'Times that a process of steps ended and was replaced',
    labels: ['process'],
  },
  auditBroken: {
    name: 'lnmt_audit_log_broken',
    type: 'gauge',
    help: '1 once the audit log can no longer be written, else 0',
    labels: [],
  },
  tlsReloads: {
    name: 'lnmt_tls_reloads_total',
    type: 'counter',
    help: 'Times that the TLS files changed, by outcome: changed, or failed where the last good ones stay in use',
    labels: ['outcome'],
  },
  filesRefused: {
    name: 'lnmt_files_refused',
    type: 'gauge',
    help: '1 while files that changed are refused and the last good ones stay in use, else 0: tls, api-keys, upstream-tls, upstream-key, telemetry-tls or telemetry-token, where they are followed',
    labels: ['files'],
  },
  upstreamAnswers: {
    name: 'lnmt_upstream_answers_total',
    type: 'counter',
    help: 'Answers of a server that has an upstream, by who gave them and what had kept the other from it',
    labels: ['served_by', 'reason'],
  },
  upstreamRequests: {
    name: 'lnmt_upstream_requests_total',
    type: 'counter',
    help: 'Inference requests that were sent to the upstream server, by outcome',
    labels: ['outcome'],
  },
  upstreamDuration: {
    name: 'lnmt_upstream_duration_seconds',
    type: 'histogram',
    help: 'Time from a request to the upstream server until its answer or failure',
    labels: [],
    buckets: LATENCY_BUCKETS,
  },
  upstreamBreakerOpen: {
    name: 'lnmt_upstream_breaker_open',
    type: 'gauge',
    help: '1 while the upstream server is left alone because it failed, else 0',
    labels: [],
  },
  telemetryDropped: {
    name: 'lnmt_telemetry_dropped_total',
    type: 'counter',
    help: 'Records of telemetry that were given up, by reason',
    labels: ['reason'],
  },
  telemetrySent: {
    name: 'lnmt_telemetry_sent_total',
    type: 'counter',
    help: 'Records of telemetry that the collector took',
    labels: [],
  },
  telemetryFailures: {
    name: 'lnmt_telemetry_failures_total',
    type: 'counter',
    help: 'Times that telemetry could not be recorded, written to the disk or sent to the collector',
    labels: ['operation'],
  },
  telemetryPendingBytes: {
    name: 'lnmt_telemetry_pending_bytes',
    type: 'gauge',
    help: 'Bytes of telemetry on the disk that the collector has not taken',
    labels: [],
  },
  authFailures: {
    name: 'lnmt_auth_failures_total',
    type: 'counter',
    help: 'Requests refused by authentication or authorization',
    labels: ['reason'],
  },
} as const satisfies Record<string, MetricDefinition>;

/** Name of the Pods metric that the HorizontalPodAutoscaler of an endpoint reads. */
export const REQUESTS_PER_SECOND_METRIC = METRICS.inferenceRequests.derived.name;
