import { Root } from 'protobufjs';
import type { IField } from 'protobufjs';

/** Element types of ONNX tensors. @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
export const ElementType = {
  FLOAT: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  STRING: 8,
  BOOL: 9,
  FLOAT16: 10,
  DOUBLE: 11,
  UINT32: 12,
  UINT64: 13,
} as const;

/** One of {@link ElementType}. */
export type ElementTypeCode = (typeof ElementType)[keyof typeof ElementType];

/** A size that is fixed, or the name of one that is not. */
export type Dimension = number | string;

/** An input or output of a graph. */
export interface OnnxValue {
  readonly name: string;
  readonly type: ElementTypeCode;
  readonly shape: readonly Dimension[];
}

/** A constant of a graph: row-major, little-endian bytes. */
export interface OnnxConstant {
  readonly name: string;
  readonly type: ElementTypeCode;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Value of an attribute. */
export type OnnxAttribute = number | readonly number[] | OnnxGraph;

/** One operation of a graph. */
export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Integer, list of integers, or a graph for control flow. */
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

/** Operations in the order in which they run. */
export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly constants?: readonly OnnxConstant[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

const optional = (type: string, id: number): IField => ({ type, id });
const repeated = (type: string, id: number): IField & { rule: string } => ({
  rule: 'repeated',
  type,
  id,
  options: { packed: false },
});

/** The messages and fields of onnx.proto that the writer uses, with its field numbers. */
const SCHEMA = Root.fromJSON({
  nested: {
    Model: {
      fields: {
        irVersion: optional('int64', 1),
        producer: optional('string', 2),
        graph: optional('Graph', 7),
        opsets: repeated('Opset', 8),
      },
    },
    Opset: { fields: { domain: optional('string', 1), version: optional('int64', 2) } },
    Graph: {
      fields: {
        nodes: repeated('Node', 1),
        name: optional('string', 2),
        constants: repeated('Tensor', 5),
        inputs: repeated('Value', 11),
        outputs: repeated('Value', 12),
      },
    },
    Node: {
      fields: {
        inputs: repeated('string', 1),
        outputs: repeated('string', 2),
        op: optional('string', 4),
        attributes: repeated('Attribute', 5),
      },
    },
    Attribute: {
      fields: {
        name: optional('string', 1),
        integer: optional('int64', 3),
        graph: optional('Graph', 6),
        integers: repeated('int64', 8),
        type: optional('int32', 20),
      },
    },
    Tensor: {
      fields: {
        dims: repeated('int64', 1),
        type: optional('int32', 2),
        name: optional('string', 8),
        raw: optional('bytes', 9),
      },
    },
    Value: { fields: { name: optional('string', 1), type: optional('Type', 2) } },
    Type: { fields: { tensor: optional('TensorType', 1) } },
    TensorType: { fields: { type: optional('int32', 1), shape: optional('Shape', 2) } },
    Shape: { fields: { dims: repeated('Dimension', 1) } },
    Dimension: { fields: { size: optional('int64', 1), symbol: optional('string', 2) } },
  },
});

const IR_VERSION = 8;
const OPSET = 17;
const INTEGER_ATTRIBUTE = 2;
const GRAPH_ATTRIBUTE = 5;
const INTEGERS_ATTRIBUTE = 7;

const isList = (content: OnnxAttribute): content is readonly number[] => Array.isArray(content);

function value({ name, type, shape }: OnnxValue): object {
  const dims = shape.map((size) => (typeof size === 'number' ? { size } : { symbol: size }));
  return { name, type: { tensor: { type, shape: { dims } } } };
}

function attribute([name, content]: [string, OnnxAttribute]): object {
  if (typeof content === 'number') return { name, integer: content, type: INTEGER_ATTRIBUTE };
  if (isList(content)) return { name, integers: [...content], type: INTEGERS_ATTRIBUTE };
  return { name, graph: graphOf(content), type: GRAPH_ATTRIBUTE };
}

function graphOf({ name, nodes, constants = [], inputs, outputs }: OnnxGraph): object {
  return {
    name,
    nodes: nodes.map((node) => ({ ...node, attributes: Object.entries(node.attributes ?? {}).map(attribute) })),
    constants: constants.map(({ shape, data, ...rest }) => ({ ...rest, dims: shape, raw: data })),
    inputs: inputs.map(value),
    outputs: outputs.map(value),
  };
}

/** A constant of 32-bit floats. */
export function floats(name: string, shape: readonly number[], values: readonly number[]): OnnxConstant {
  const data = new Uint8Array(new Float32Array(values).buffer);
  return { name, type: ElementType.FLOAT, shape, data };
}

/** Writes a graph as an ONNX file. The same graph gives the same bytes. */
export function writeOnnx(graph: OnnxGraph, producer: string): Uint8Array {
  const model = { irVersion: IR_VERSION, producer, graph: graphOf(graph), opsets: [{ domain: '', version: OPSET }] };
  return SCHEMA.lookupType('Model').encode(model).finish();
}
