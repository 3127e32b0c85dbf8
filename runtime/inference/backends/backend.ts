import type { Tensor, TensorSpec } from '../tensors/tensor';

/** What a model takes and gives. */
export interface ModelSignature {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** One thing that runs a model. Requests reach it one batch at a time. */
export interface Backend {
  /**
   * Loads the graph of this file, and nothing else afterwards.
   *
   * @throws ModelError
   */
  load(file: string): Promise<ModelSignature>;
  /**
   * Runs the model on inputs that fit its signature and gives these outputs, in this order.
   *
   * @throws RequestError
   */
  run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<readonly Tensor[]>;
  /** True while a run would be taken now. */
  healthy(): boolean;
  /** Ends it; runs in flight fail. */
  close(): Promise<void>;
}
