import type { ModelSignature } from '../backends/backend';
import type { OnnxOptions } from '../backends/onnx';
import type { GenerationReply, GenerationRequest } from '../generation/protocol';
import type { Tensor } from '../tensors/tensor';
import { padded, WrittenHeader } from './frames';

/** Descriptors that a host inherits: the control socket, then one socket for each worker. */
export const HOST_FDS = { control: 3, firstWorker: 4 } as const;

/** What the front tells the main thread of a host. */
export interface ControlRequest {
  readonly type: 'start';
  /** Which worker to start: it serves the socket of the same number. */
  readonly worker: number;
}

/** A tensor inside a frame: its bytes follow in the payload, in order. */
export type TensorHead = Omit<Tensor, 'data'> & { readonly bytes: number };

/** What a worker is asked to find out about its model. */
export interface MeasureOptions {
  /** Most rows to try. */
  readonly maxRows: number;
  /** Milliseconds after the first run, which may take longer than all others, in which further ones are begun. */
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

/** What went wrong in a worker. */
export interface FailedReply {
  readonly type: 'failed';
  readonly message: string;
  /** True where memory was short. */
  readonly outOfMemory?: boolean;
  /** Bytes of outputs that were too many for a frame. */
  readonly bytes?: number;
}

/** What a worker answers, under the id of the question. */
export type HostReply =
  | { readonly type: 'loaded'; readonly signature: ModelSignature }
  | { readonly type: 'measured'; readonly measured: Measured }
  | { readonly type: 'result'; readonly outputs: readonly TensorHead[] }
  | FailedReply
  | GenerationReply;

/** The heads of tensors, whose bytes travel beside them. */
export function tensorHeads(tensors: readonly Tensor[]): TensorHead[] {
  return tensors.map(({ name, datatype, shape, data }) => ({ name, datatype, shape, bytes: data.byteLength }));
}

/** Headers that are remembered: about as many as batches of one model have sizes. */
const KNOWN_HEADERS = 16;

interface KnownHeader {
  readonly heads: readonly TensorHead[];
  readonly names: readonly string[];
  readonly header: WrittenHeader;
}

const sameList = <T>(one: readonly T[], other: readonly T[]): boolean =>
  one.length === other.length && one.every((item, index) => item === other[index]);

const describes = (head: TensorHead | undefined, { name, datatype, shape, data }: Tensor): boolean =>
  head !== undefined &&
  head.bytes === data.byteLength &&
  head.name === name &&
  head.datatype === datatype &&
  sameList(head.shape, shape);

/** Headers of messages with tensors, each written once: nearly all carry tensors that look like those of one before. */
export class TensorHeaders {
  private readonly known: KnownHeader[] = [];

  constructor(
    private readonly make: (heads: readonly TensorHead[], names: readonly string[]) => HostRequest | HostReply,
  ) {}

  /** The header for these tensors and, in a request, names of outputs. */
  of(tensors: readonly Tensor[], names: readonly string[] = []): WrittenHeader {
    for (const each of this.known) {
      const fits = each.heads.length === tensors.length && sameList(each.names, names);
      if (fits && tensors.every((tensor, index) => describes(each.heads[index], tensor))) return each.header;
    }
    const heads = tensorHeads(tensors);
    const header = new WrittenHeader(this.make(heads, names));
    if (this.known.length >= KNOWN_HEADERS) this.known.pop();
    this.known.unshift({ heads, names, header });
    return header;
  }
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
