import type { Tensor } from './tensor';

/** A run of elements of one tensor: their text, or the elements where they were read already. */
export interface ElementsPart {
  readonly bytes: Uint8Array;
  /** How many numbers the text has; undefined where the bytes are elements. */
  readonly count: number | undefined;
}

/**
 * By tensor and not as a member of it: a copy that has other elements must not keep the text of the first. Copies are
 * read, because `data` is a member of its own.
 */
const unread = new WeakMap<Tensor, readonly ElementsPart[]>();

/**
 * A tensor whose elements are read when somebody asks for them, which may be the process of the model.
 *
 * @param read gives the elements, or throws a RequestError that says what is wrong with them
 */
export function unreadTensor(
  { name, datatype, shape }: Omit<Tensor, 'data'>,
  parts: readonly ElementsPart[],
  read: () => Uint8Array,
): Tensor {
  let data: Uint8Array | undefined;
  const tensor: Tensor = {
    name,
    datatype,
    shape,
    get data() {
      data ??= read();
      unread.delete(tensor);
      return data;
    },
  };
  unread.set(tensor, parts);
  return tensor;
}

/** What the elements of a tensor lie in, from first to last; undefined where they were read. */
export const unreadParts = (tensor: Tensor): readonly ElementsPart[] | undefined => unread.get(tensor);

/** The tensors with their elements read. @throws RequestError for those that are none */
export const readTensors = (tensors: readonly Tensor[]): readonly Tensor[] => tensors.map((tensor) => ({ ...tensor }));
