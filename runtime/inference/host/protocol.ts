import type { ModelSignature } from '../backends/backend';
import type { OnnxOptions } from '../backends/onnx';
import type { Tensor } from '../tensors/tensor';
import { padded } from './frames';

/** A tensor inside a frame: its bytes follow in the payload, in order. */
export type TensorHead = Omit<Tensor, 'data'> & { readonly bytes: number };

/** What the front asks of a host. */
export type HostRequest =
  | { readonly type: 'load'; readonly id: number; readonly file: string; readonly options: OnnxOptions }
  | {
      readonly type: 'run';
      readonly id: number;
      readonly inputs: readonly TensorHead[];
      readonly outputs: readonly string[];
    };

/** What a host answers, under the id of the question. */
export type HostReply =
  | { readonly type: 'loaded'; readonly id: number; readonly signature: ModelSignature }
  | { readonly type: 'result'; readonly id: number; readonly outputs: readonly TensorHead[] }
  | { readonly type: 'failed'; readonly id: number; readonly message: string };

/** The heads of tensors, whose bytes travel beside them. */
export function tensorHeads(tensors: readonly Tensor[]): TensorHead[] {
  return tensors.map(({ name, datatype, shape, data }) => ({ name, datatype, shape, bytes: data.byteLength }));
}

/** Puts tensors together from their heads and a payload. */
export function joinTensors(heads: readonly TensorHead[], payload: Uint8Array): Tensor[] {
  let offset = 0;
  return heads.map(({ bytes, ...head }) => {
    const data = payload.subarray(offset, offset + bytes);
    offset += padded(bytes);
    return { ...head, data };
  });
}
