import type { BatchSettings } from './batching/batcher';
import type { ModelMetadata } from './registry';
import type { Datatype, TensorSpec } from './tensors/tensor';
import { BACKEND, PLATFORM } from './version';

/** How requests for a loaded model are put together. */
export interface BatchingInForce extends Pick<BatchSettings, 'preferred' | 'maxDelay'> {
  /** Most rows that share a run; 1 where none do. */
  readonly maxRows: number;
  /** Runs beside one another. */
  readonly workers: number;
}

/** What is known of how a model is served. */
export interface ModelDetails extends ModelMetadata {
  /** Absent while the model is not in memory. */
  readonly batching: BatchingInForce | undefined;
}

/** The configuration of a model, in the words of the extension for it. */
export interface ModelConfiguration {
  readonly name: string;
  readonly platform: string;
  readonly backend: string;
  readonly max_batch_size: number;
  readonly input: readonly object[];
  readonly output: readonly object[];
  readonly instance_group?: readonly object[];
  readonly dynamic_batching?: object;
}

const MICROSECONDS = 1e6;

/** Datatypes as configurations name them. */
const typeOf = (datatype: Datatype): string => `TYPE_${datatype === 'BYTES' ? 'STRING' : datatype}`;

/**
 * How a model is served. A batch size above 0 says that the first dimension of every tensor is the batch, which the
 * sizes then leave out.
 * @see https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_model_configuration.md
 */
export function configurationOf(details: ModelDetails): ModelConfiguration {
  const { name, platform = PLATFORM, inputs, outputs, batching } = details;
  // What runs models of their own has no backend.
  const backend = platform === PLATFORM ? BACKEND : '';
  const batches = batching !== undefined && batching.maxRows > 1;
  const tensor = ({ name: tensorName, datatype, shape = [] }: TensorSpec): object => ({
    ...{ name: tensorName, data_type: typeOf(datatype), dims: batches ? shape.slice(1) : shape },
  });
  return {
    ...{ name, platform, backend, max_batch_size: batches ? batching.maxRows : 0 },
    ...{ input: inputs.map(tensor), output: outputs.map(tensor) },
    ...(batching ? { instance_group: [{ name, kind: 'KIND_AUTO', count: batching.workers }] } : {}),
    ...(batches
      ? {
          dynamic_batching: {
            preferred_batch_size: batching.preferred,
            max_queue_delay_microseconds: Math.round(batching.maxDelay * MICROSECONDS),
          },
        }
      : {}),
  };
}
