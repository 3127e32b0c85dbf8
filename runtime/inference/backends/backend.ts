import type { GenerationListener } from '../generation/answer';
import type { EngineOptions, GenerationOptions } from '../generation/protocol';
import type { Tensor, TensorSpec } from '../tensors/tensor';

/** What a model takes and gives. */
export interface ModelSignature {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** What a loaded model takes at once. */
export interface Capacity {
  /** Runs that go on beside one another. */
  readonly workers: number;
  /** Rows of a batch beyond which a run gets no cheaper per row; 1 where rows must not share a run. */
  readonly maxRows: number;
  /** Milliseconds that a run of one row took when it was measured. @default - nobody measured it */
  readonly runMs?: number | undefined;
}

/** An answer to generate. */
export interface GenerationWork {
  readonly prompt: Int32Array;
  readonly options: GenerationOptions;
  readonly engine: EngineOptions;
}

/** One thing that runs a model. Requests reach it one batch at a time for each of its workers. */
export interface Backend {
  /**
   * Loads the graph of this file, and nothing else afterwards.
   *
   * @param check asked each time before the file is read again later; what it rejects is not loaded
   * @throws ModelError
   */
  load(file: string, check?: () => Promise<void>): Promise<ModelSignature>;
  /**
   * Runs the model on inputs that fit its signature and gives these outputs, in this order.
   *
   * @throws RequestError
   */
  run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<readonly Tensor[]>;
  /**
   * Begins an answer of a decoder; steps come one by one, and what it returns ends it. Absent where the backend keeps
   * no caches.
   *
   * @throws RequestError while it is not healthy
   */
  generate?(work: GenerationWork, listener: GenerationListener): () => void;
  /** What it takes at once; one run of one row before it is loaded. */
  capacity(): Capacity;
  /** True while a run would be taken now. */
  healthy(): boolean;
  /** Ends it; runs in flight fail. */
  close(): Promise<void>;
}
