import type { ModelSignature } from '../backends/backend';
import type { OnnxOptions } from '../backends/onnx';
import type { GenerationReply, GenerationRequest } from '../generation/protocol';
import type { TensorHead } from './tensors';

/** Descriptors that a host inherits: the control socket, then one socket for each worker. */
export const HOST_FDS = { control: 3, firstLane: 4 } as const;

/** What the front tells the main thread of a host. */
export interface ControlRequest {
  readonly type: 'start';
  /** Which worker to start: it serves the socket of the same number. */
  readonly lane: number;
}

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

/** What the front asks of a worker; `cancel` under the id of what it ends. */
export type HostRequest =
  | { readonly type: 'load'; readonly file: string; readonly options: OnnxOptions }
  | { readonly type: 'measure'; readonly options: MeasureOptions }
  | { readonly type: 'run'; readonly inputs: readonly TensorHead[]; readonly outputs: readonly string[] }
  | GenerationRequest;

/** What a worker answers, under the id of the question. */
export type HostReply =
  | { readonly type: 'loaded'; readonly signature: ModelSignature }
  | { readonly type: 'measured'; readonly measured: Measured }
  | { readonly type: 'result'; readonly outputs: readonly TensorHead[] }
  /** The text of an input is not the numbers that it should be, or in a form that is too rare to be read there. */
  | { readonly type: 'unread' }
  | { readonly type: 'failed'; readonly message: string }
  | GenerationReply;
