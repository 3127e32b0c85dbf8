/** Datatypes of the Open Inference Protocol that onnxruntime-node can run, with their size in bytes. */
export const DATATYPE_BYTES = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
  /** Each element is its length as u32 and its bytes. */
  BYTES: undefined,
} as const;

/** One of {@link DATATYPE_BYTES}. */
export type Datatype = keyof typeof DATATYPE_BYTES;

/** True for the name of a datatype. */
export const isDatatype = (value: unknown): value is Datatype =>
  typeof value === 'string' && Object.hasOwn(DATATYPE_BYTES, value);

/** A tensor as it travels: little-endian, row-major, the protocol's own binary form. */
export interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** What a model says of an input or output. */
export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  /** -1 stands for any size; absent when the model does not say. */
  readonly shape: readonly number[] | undefined;
}

/** Bounds of one request. */
export const TENSOR_LIMITS = { tensors: 128, rank: 16, elements: 2 ** 28 } as const;

/** Number of elements of a shape whose dimensions were checked. */
export const elementCount = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Bytes of the elements of tensors together. */
export function tensorBytes(tensors: readonly Pick<Tensor, 'data'>[]): number {
  let bytes = 0;
  for (const { data } of tensors) bytes += data.byteLength;
  return bytes;
}

const ALIGNMENT = 8;

/** Views bytes as elements, copying only where they are not aligned. */
export function aligned(data: Uint8Array): Uint8Array {
  return data.byteOffset % ALIGNMENT === 0 ? data : new Uint8Array(data);
}
