/** How a field is written: a varint, bytes, or a list of numbers that is packed or not. */
export type FieldKind = 'number' | 'bytes' | 'numbers';

/** One field of a message. */
export interface FieldSchema {
  readonly id: number;
  readonly kind: FieldKind;
  /** True when it may come more than once. */
  readonly repeated: boolean;
}

type MessageSchema = Readonly<Record<string, FieldSchema>>;

const number = (id: number): FieldSchema => ({ id, kind: 'number', repeated: false });
const numbers = (id: number): FieldSchema => ({ id, kind: 'numbers', repeated: true });
const bytes = (id: number): FieldSchema => ({ id, kind: 'bytes', repeated: false });
const list = (id: number): FieldSchema => ({ id, kind: 'bytes', repeated: true });

/**
 * The messages of ONNX, as far as anything in them matters here; other fields are passed over.
 *
 * @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
export const ONNX = {
  model: {
    irVersion: number(1),
    producerName: bytes(2),
    producerVersion: bytes(3),
    domain: bytes(4),
    modelVersion: number(5),
    doc: bytes(6),
    graph: bytes(7),
    operatorSets: list(8),
    properties: list(14),
    training: list(20),
    functions: list(25),
    configurations: list(26),
  },
  operatorSet: { domain: bytes(1), version: number(2) },
  graph: {
    nodes: list(1),
    name: bytes(2),
    initializers: list(5),
    doc: bytes(10),
    inputs: list(11),
    outputs: list(12),
    valueInfos: list(13),
    quantization: list(14),
    sparseInitializers: list(15),
    properties: list(16),
  },
  node: {
    inputs: list(1),
    outputs: list(2),
    name: bytes(3),
    operator: bytes(4),
    attributes: list(5),
    doc: bytes(6),
    domain: bytes(7),
    overload: bytes(8),
  },
  attribute: {
    name: bytes(1),
    integer: number(3),
    text: bytes(4),
    tensor: bytes(5),
    graph: bytes(6),
    integers: numbers(8),
    tensors: list(10),
    graphs: list(11),
    type: number(20),
    sparseTensor: bytes(22),
    sparseTensors: list(23),
  },
  tensor: {
    dims: numbers(1),
    type: number(2),
    segment: bytes(3),
    floats: numbers(4),
    int32s: numbers(5),
    strings: list(6),
    int64s: numbers(7),
    name: bytes(8),
    raw: bytes(9),
    doubles: numbers(10),
    uint64s: numbers(11),
    doc: bytes(12),
    external: list(13),
    location: number(14),
  },
  sparseTensor: { values: bytes(1), indices: bytes(2), dims: numbers(3) },
  entry: { key: bytes(1), value: bytes(2) },
  value: { name: bytes(1), type: bytes(2), doc: bytes(3) },
  type: { tensor: bytes(1), sequence: bytes(4), map: bytes(5), sparse: bytes(8), optional: bytes(9) },
  tensorType: { element: number(1), shape: bytes(2) },
  shape: { dims: list(1) },
  dimension: { size: number(1), symbol: bytes(2) },
  function: {
    name: bytes(1),
    nodes: list(7),
    operatorSets: list(9),
    domain: bytes(10),
    /** Attributes with the values that they have where a call gives none. */
    defaults: list(11),
    overload: bytes(13),
  },
} as const satisfies Readonly<Record<string, MessageSchema>>;

/** Name of a message. */
export type MessageName = keyof typeof ONNX;

/** Bits of one element, by element type; strings have none. */
export const ELEMENT_BITS: Readonly<Record<number, number>> = {
  1: 32,
  2: 8,
  3: 8,
  4: 16,
  5: 16,
  6: 32,
  7: 64,
  8: 0,
  9: 8,
  10: 16,
  11: 64,
  12: 32,
  13: 64,
  14: 64,
  15: 128,
  16: 16,
  17: 8,
  18: 8,
  19: 8,
  20: 8,
  21: 4,
  22: 4,
  23: 4,
  24: 8,
  25: 2,
  26: 2,
};

/** Element types that are spoken of by name. */
export const ELEMENT = { int32: 6, int64: 7, string: 8, complex64: 14, complex128: 15, bfloat16: 16 } as const;
