import { LATENCY_BUCKETS } from './metrics';
import type { MetricDefinition } from './metrics';

const TRITON_LABELS = ['model', 'version'] as const;
const VLLM_LABELS = ['model_name', 'version'] as const;

/**
 * Metrics under the names of Triton, so that dashboards for it work: 15 series a version of a model, and a few of the
 * machine. Times are sums over answered requests.
 * @see https://github.com/triton-inference-server/server/blob/main/docs/user_guide/metrics.md
 */
export const TRITON_METRICS = {
  success: {
    name: 'nv_inference_request_success',
    type: 'counter',
    help: 'Inference requests that were answered',
    labels: TRITON_LABELS,
  },
  failure: {
    name: 'nv_inference_request_failure',
    type: 'counter',
    help: 'Inference requests that were not answered, by reason',
    labels: [...TRITON_LABELS, 'reason'],
  },
  inferences: {
    name: 'nv_inference_count',
    type: 'counter',
    help: 'Rows that models ran; a batch of n counts n',
    labels: TRITON_LABELS,
  },
  executions: {
    name: 'nv_inference_exec_count',
    type: 'counter',
    help: 'Batches that models ran',
    labels: TRITON_LABELS,
  },
  pending: {
    name: 'nv_inference_pending_request_count',
    type: 'gauge',
    help: 'Inference requests that wait for their model',
    labels: TRITON_LABELS,
  },
  requestTime: {
    name: 'nv_inference_request_duration_us',
    type: 'counter',
    help: 'Microseconds from request to answer, summed',
    labels: TRITON_LABELS,
  },
  queueTime: {
    name: 'nv_inference_queue_duration_us',
    type: 'counter',
    help: 'Microseconds that requests waited for a batch, summed',
    labels: TRITON_LABELS,
  },
  inputTime: {
    name: 'nv_inference_compute_input_duration_us',
    type: 'counter',
    help: 'Microseconds that putting batches together took, summed over their requests',
    labels: TRITON_LABELS,
  },
  inferTime: {
    name: 'nv_inference_compute_infer_duration_us',
    type: 'counter',
    help: 'Microseconds that models ran, summed over the requests of each batch',
    labels: TRITON_LABELS,
  },
  outputTime: {
    name: 'nv_inference_compute_output_duration_us',
    type: 'counter',
    help: 'Microseconds that taking batches apart took, summed over their requests',
    labels: TRITON_LABELS,
  },
  gpuUtilization: {
    name: 'nv_gpu_utilization',
    type: 'gauge',
    help: 'Share of time that the GPU was busy, 0 to 1',
    labels: ['gpu_uuid'],
  },
  gpuMemoryTotal: {
    name: 'nv_gpu_memory_total_bytes',
    type: 'gauge',
    help: 'Memory of the GPU',
    labels: ['gpu_uuid'],
  },
  gpuMemoryUsed: {
    name: 'nv_gpu_memory_used_bytes',
    type: 'gauge',
    help: 'Memory of the GPU that is taken',
    labels: ['gpu_uuid'],
  },
  cpuUtilization: {
    name: 'nv_cpu_utilization',
    type: 'gauge',
    help: 'Share of time that the CPUs of the machine were busy since the last look, 0 to 1',
    labels: [],
  },
  cpuMemoryTotal: {
    name: 'nv_cpu_memory_total_bytes',
    type: 'gauge',
    help: 'Memory of the machine',
    labels: [],
  },
  cpuMemoryUsed: {
    name: 'nv_cpu_memory_used_bytes',
    type: 'gauge',
    help: 'Memory of the machine that is taken',
    labels: [],
  },
} as const satisfies Record<string, MetricDefinition>;

/** Reasons of {@link TRITON_METRICS.failure}: refused before it ran, client left, model failed, anything else. */
export const TRITON_REASONS = ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'] as const;

/**
 * Metrics of models that generate text under the names of vLLM, for dashboards and for those who choose a replica by
 * them: 60 series a version of such a model, none for others.
 * @see https://docs.vllm.ai/en/latest/design/metrics.html
 */
export const VLLM_METRICS = {
  running: {
    name: 'vllm:num_requests_running',
    type: 'gauge',
    help: 'Answers under way that have a token already',
    labels: VLLM_LABELS,
  },
  waiting: {
    name: 'vllm:num_requests_waiting',
    type: 'gauge',
    help: 'Answers under way that have no token yet',
    labels: VLLM_LABELS,
  },
  kvCacheUsage: {
    name: 'vllm:kv_cache_usage_perc',
    type: 'gauge',
    help: 'Share of the KV cache that is reserved, 0 to 1',
    labels: VLLM_LABELS,
  },
  promptTokens: {
    name: 'vllm:prompt_tokens_total',
    type: 'counter',
    help: 'Tokens of prompts',
    labels: VLLM_LABELS,
  },
  generatedTokens: {
    name: 'vllm:generation_tokens_total',
    type: 'counter',
    help: 'Tokens that were generated',
    labels: VLLM_LABELS,
  },
  timeToFirstToken: {
    name: 'vllm:time_to_first_token_seconds',
    type: 'histogram',
    help: 'Time from a prompt to the first token of its answer',
    labels: VLLM_LABELS,
    buckets: LATENCY_BUCKETS,
  },
  tokenInterval: {
    name: 'vllm:inter_token_latency_seconds',
    type: 'histogram',
    help: 'Time from one token of an answer to the next',
    labels: VLLM_LABELS,
    buckets: LATENCY_BUCKETS,
  },
  timePerOutputToken: {
    name: 'vllm:time_per_output_token_seconds',
    type: 'histogram',
    help: 'Time from one token of an answer to the next, under its older name',
    labels: VLLM_LABELS,
    buckets: LATENCY_BUCKETS,
  },
} as const satisfies Record<string, MetricDefinition>;
