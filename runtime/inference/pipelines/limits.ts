/** Bounds of pipelines. */
export const PIPELINE_LIMITS = {
  /** Bytes of the file that lists them. */
  fileBytes: 1 << 20,
  pipelines: 256,
  /** Nodes and steps of one pipeline, a node counted as often as it is entered. */
  nodes: 64,
  /** Nodes inside one another. */
  depth: 16,
  /** Branches of a node, and steps of a sequence that run at the same time. */
  branches: 16,
  /** Tensors that one map renames, and that a pipeline takes or gives. */
  tensors: 128,
  /** Characters of a name of a tensor. */
  tensorName: 256,
  /** Tries after the first. */
  retries: 5,
  /** Milliseconds of any timeout. */
  timeoutMs: 3_600_000,
  /** Milliseconds of a request where its pipeline says nothing. */
  defaultTimeoutMs: 30_000,
  /** Tests in one condition, and conditions inside one another. */
  tests: 32,
  conditionDepth: 4,
  /** Values of a list in a condition. */
  values: 64,
  weight: 1_000_000,
  /** Problems of the file that are reported. */
  problems: 100,
  /** Bytes of the tensors between the nodes, for one request. */
  tensorBytes: 512 * 2 ** 20,
} as const;
