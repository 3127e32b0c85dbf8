import type { Datatype, TensorSpec } from '../tensors/tensor';
import { malformed, refusedType, tooMuch } from './errors';
import type { InspectorLimits } from './limits';
import { Message } from './message';
import type { ProtoReader, Range } from './proto-reader';
import { ELEMENT } from './schema';
import { elementsOf } from './tensor';

/** Datatypes of the protocol by element type of ONNX. */
export const DATATYPES: Readonly<Record<number, Datatype>> = {
  1: 'FP32',
  2: 'UINT8',
  3: 'INT8',
  4: 'UINT16',
  5: 'INT16',
  6: 'INT32',
  7: 'INT64',
  8: 'BYTES',
  9: 'BOOL',
  10: 'FP16',
  11: 'FP64',
  12: 'UINT32',
  13: 'UINT64',
};

/** The name of an input or output. */
export function valueName(reader: ProtoReader, range: Range, limits: InspectorLimits): string {
  const name = Message.read(reader, 'value', range).text('name', limits.nameBytes);
  if (name === '') throw malformed('an input or output has no name');
  return name;
}

function datatypeOf(element: number, what: string): Datatype {
  const datatype = DATATYPES[element];
  if (datatype !== undefined) return datatype;
  if (element === ELEMENT.bfloat16) {
    throw refusedType(`${what} is BF16, which onnxruntime-node lacks; wrap it with Cast: lnmt model optimize`);
  }
  throw refusedType(`${what} has the element type ${element}`);
}

function sizeOf(reader: ProtoReader, range: Range, what: string): number {
  const dimension = Message.read(reader, 'dimension', range);
  const size = dimension.integer('size');
  if (size === undefined) return -1;
  if (dimension.has('symbol')) throw malformed(`${what} has a dimension with a size and a symbol`);
  // Exporters write -1 where they mean any size.
  if (size < -1n || size > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(`${what} has a dimension of ${size}`);
  return Number(size);
}

function shapeOf(reader: ProtoReader, range: Range, what: string, limits: InspectorLimits): number[] {
  const dims = Message.read(reader, 'shape', range).ranges('dims');
  if (dims.length > limits.rank) throw tooMuch(`dimensions of ${what}`, dims.length, limits.rank);
  const sizes = dims.map((dim) => sizeOf(reader, dim, what));
  const fixed = sizes.filter((size) => size >= 0).map(BigInt);
  elementsOf(fixed, limits.elements, what, limits.rank);
  return sizes;
}

/**
 * What the protocol says of an input or output.
 *
 * @throws InspectionError for what is no tensor of a datatype of the protocol
 */
export function inspectValue(
  reader: ProtoReader,
  range: Range,
  limits: InspectorLimits,
  role: 'input' | 'output',
): TensorSpec {
  const value = Message.read(reader, 'value', range);
  const name = value.text('name', limits.nameBytes);
  const what = `${role} ${JSON.stringify(name)}`;
  const typeRange = value.range('type');
  if (typeRange === undefined) throw malformed(`${what} states no type`);
  const type = Message.read(reader, 'type', typeRange);
  const tensorRange = type.range('tensor');
  const others = (['sequence', 'map', 'sparse', 'optional'] as const).filter((kind) => type.has(kind));
  if (tensorRange === undefined || others.length > 0) {
    const remedy = 'export the model without it (where ZipMap makes it: lnmt model optimize)';
    throw refusedType(`${what} is ${others[0] ?? 'of no type'}, not a tensor; ${remedy}`);
  }
  const tensor = Message.read(reader, 'tensorType', tensorRange);
  const datatype = datatypeOf(Number(tensor.integer('element') ?? 0n), what);
  const shape = tensor.range('shape');
  return { name, datatype, shape: shape ? shapeOf(reader, shape, what, limits) : undefined };
}
