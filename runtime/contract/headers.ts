/**
 * HTTP headers of inference requests and answers, in lower case as servers see them.
 * @see https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
 */
export const HEADERS = {
  /** Bytes of the JSON part of a body that has binary tensors after it. */
  inferenceHeaderLength: 'inference-header-content-length',
  /** Milliseconds after which the answer to a request is of no use; what still waits then is not run. */
  requestTimeout: 'x-request-timeout-ms',
  /** `no-store` passes the response cache by, `no-cache` has it filled again. */
  cacheControl: 'cache-control',
  /** Who answered, on a server that has an upstream: `local` or `upstream`. */
  servedBy: 'x-lnmt-served-by',
  /** Servers that a request was passed on by, so that two that name each other do not play ball with it. */
  via: 'x-lnmt-via',
  /** Stays the same however often the same telemetry is sent. */
  idempotencyKey: 'idempotency-key',
} as const;
