import type { ModelSignature } from '../backends/backend';
import type { OnnxOptions } from '../backends/onnx';
import type { GenerationReply, GenerationRequest } from '../generation/protocol';
import type { Tensor } from '../tensors/tensor';
import { padded } from './frames';

/** Descriptors that a host inherits: the control socket, then one socket for each worker. */
export const HOST_FDS = { control: 3, firstLane: 4 } as const;

/** What the front tells the main thread of a host. */
export interface ControlRequest {
  readonly type: 'start';
  /** Which worker to start: it serves the socket of the same number. */
  readonly lane: number;
}

/** A tensor inside a frame: its bytes follow in the payload, in order. */
export type TensorHead = Omit<Tensor, 'data'> & { readonly bytes: number };

/** What a worker is asked to find out about its model. */
export interface MeasureOptions {
  /** Most rows to try. */
  readonly maxRows: number;
  /** Milliseconds after which no further run is begun. */
  readonly budgetMs: number;
}

/** What a worker found out about its model. */
export interface Measured {
  /** Milliseconds of a run of one row; absent when no input could be made up that the model takes. */
  readonly runMs: number | undefined;
  /** Rows beyond which a run gets no cheaper per row; 1 where rows of a batch were seen to influence one another. */
  readonly maxRows: number;
}

/** What the front asks of a worker. */
export type HostRequest =
  | { readonly type: 'load'; readonly id: number; readonly file: string; readonly options: OnnxOptions }
  | { readonly type: 'measure'; readonly id: number; readonly options: MeasureOptions }
  | {
      readonly type: 'run';
      readonly id: number;
      readonly inputs: readonly TensorHead[];
      readonly outputs: readonly string[];
    }
  | GenerationRequest;

/** What a worker answers, under the id of the question. */
export type HostReply =
  | { readonly type: 'loaded'; readonly id: number; readonly signature: ModelSignature }
  | { readonly type: 'measured'; readonly id: number; readonly measured: Measured }
  | { readonly type: 'result'; readonly id: number; readonly outputs: readonly TensorHead[] }
  | { readonly type: 'failed'; readonly id: number; readonly message: string }
  | GenerationReply;

/** The heads of tensors, whose bytes travel beside them. */
export function tensorHeads(tensors: readonly Tensor[]): TensorHead[] {
  return tensors.map(({ name, datatype, shape, data }) => ({ name, datatype, shape, bytes: data.byteLength }));
}

/** Puts tensors together from their heads and a payload. */
export function joinTensors(heads: readonly TensorHead[], payload: Uint8Array): Tensor[] {
  let offset = 0;
  return heads.map(({ name, datatype, shape, bytes }) => {
    const data = payload.subarray(offset, offset + bytes);
    offset += padded(bytes);
    return { name, datatype, shape, data };
  });
}
