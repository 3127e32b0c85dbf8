import { scanNumbers } from '../tensors/numbers';
import type { Tensor } from '../tensors/tensor';
import { unreadParts } from '../tensors/unread';
import type { ElementsPart } from '../tensors/unread';
import { padded, WrittenHeader } from './frames';
import type { HostReply, HostRequest } from './protocol';

/** A tensor inside a frame: its bytes follow in the payload, in order. */
export type TensorHead = Omit<Tensor, 'data'> & {
  /** Bytes of its elements; 0 where they come in parts. */
  readonly bytes: number;
  /**
   * Parts that its elements come in, some of them text: bytes and count of each as u32 first, with a count of 0 for
   * elements that were read, and then the parts.
   */
  readonly parts?: number;
};

/** Thrown for a text that holds anything but the numbers that it should, or one in a form that is too rare. */
export class UnreadableElements extends Error {}

/** Headers that are remembered: about as many as batches of one model have sizes. */
const KNOWN_HEADERS = 16;
const PART_BYTES = 8;

/** The head of a tensor whose elements were read. */
export const tensorHead = ({ name, datatype, shape, data }: Tensor): TensorHead => {
  return { name, datatype, shape, bytes: data.byteLength };
};

function headOf(tensor: Tensor): TensorHead {
  const parts = unreadParts(tensor);
  if (parts === undefined) return tensorHead(tensor);
  const { name, datatype, shape } = tensor;
  return { name, datatype, shape, bytes: 0, parts: parts.length };
}

interface KnownHeader {
  readonly heads: readonly TensorHead[];
  readonly names: readonly string[];
  readonly header: WrittenHeader;
}

const sameList = <T>(one: readonly T[], other: readonly T[]): boolean =>
  one.length === other.length && one.every((item, index) => item === other[index]);

function describes(head: TensorHead | undefined, tensor: Tensor): boolean {
  if (head === undefined || head.name !== tensor.name || head.datatype !== tensor.datatype) return false;
  if (!sameList(head.shape, tensor.shape)) return false;
  const parts = unreadParts(tensor);
  return head.parts === parts?.length && head.bytes === (parts === undefined ? tensor.data.byteLength : 0);
}

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
    const heads = tensors.map(headOf);
    const header = new WrittenHeader(this.make(heads, names));
    if (this.known.length >= KNOWN_HEADERS) this.known.pop();
    this.known.unshift({ heads, names, header });
    return header;
  }
}

function indexOf(parts: readonly ElementsPart[]): Uint8Array {
  const index = new Uint32Array(parts.flatMap(({ bytes, count = 0 }) => [bytes.byteLength, count]));
  return new Uint8Array(index.buffer);
}

/** The payload of a frame with these tensors. */
export function tensorPayload(tensors: readonly Tensor[]): Uint8Array[] {
  return tensors.flatMap((tensor) => {
    const parts = unreadParts(tensor);
    return parts === undefined ? [tensor.data] : [indexOf(parts), ...parts.map(({ bytes }) => bytes)];
  });
}

/** The elements of a part, and where the next one begins. */
function joinParts({ datatype, parts = 0 }: TensorHead, payload: Uint8Array, start: number): [Uint8Array, number] {
  const index = new DataView(payload.buffer, payload.byteOffset + start, parts * PART_BYTES);
  let offset = start + parts * PART_BYTES;
  const read: Uint8Array[] = [];
  for (let part = 0; part < parts; part++) {
    const bytes = index.getUint32(part * PART_BYTES, true);
    const count = index.getUint32(part * PART_BYTES + PART_BYTES / 2, true);
    const text = Buffer.from(payload.buffer, payload.byteOffset + offset, bytes);
    const elements = count === 0 ? text : scanNumbers({ bytes: text, start: 0, end: bytes }, datatype, count);
    if (elements === undefined) throw new UnreadableElements();
    read.push(elements);
    offset += padded(bytes);
  }
  const [first, ...others] = read;
  return [first !== undefined && others.length === 0 ? first : Buffer.concat(read), offset];
}

/** Puts tensors together from their heads and a payload. @throws UnreadableElements */
export function joinTensors(heads: readonly TensorHead[], payload: Uint8Array): Tensor[] {
  let offset = 0;
  return heads.map((head) => {
    const { name, datatype, shape, bytes } = head;
    if (head.parts !== undefined) {
      const [data, next] = joinParts(head, payload, offset);
      offset = next;
      return { name, datatype, shape, data };
    }
    const data = payload.subarray(offset, offset + bytes);
    offset += padded(bytes);
    return { name, datatype, shape, data };
  });
}
