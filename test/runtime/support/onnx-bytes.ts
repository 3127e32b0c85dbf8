/** One field of a protobuf message, by number: an integer, text, bytes, or a message. */
export type Field = readonly [id: number, value: number | bigint | string | Uint8Array | readonly Field[]];

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

/** The bytes of a message: whatever fields, in whatever order, right or wrong. */
export function message(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.map(([id, value]) => {
      if (typeof value === 'number' || typeof value === 'bigint') {
        return Buffer.concat([varint(BigInt(id) << 3n), varint(BigInt(value))]);
      }
      const isMessage = Array.isArray(value);
      const bytes = isMessage ? message(value as readonly Field[]) : Buffer.from(value as string | Uint8Array);
      return Buffer.concat([varint((BigInt(id) << 3n) | 2n), varint(BigInt(bytes.length)), bytes]);
    }),
  );
}

/** Element types of ONNX. */
export const TYPE = { float: 1, int64: 7, string: 8, bool: 9, float16: 10, bfloat16: 16 } as const;

/** A tensor type; a text is a symbol, undefined a dimension that says nothing. */
export function tensorType(
  element: number,
  shape?: readonly (number | bigint | string | undefined)[],
): readonly Field[] {
  const dims = shape?.map((size): Field => {
    if (size === undefined) return [1, []];
    return [1, [[typeof size === 'string' ? 2 : 1, size]]];
  });
  return [[1, [[1, element], ...(dims ? [[2, dims] as const] : [])]]];
}

/** An input or output. */
export const value = (name: string, type: readonly Field[]): readonly Field[] => [
  [1, name],
  [2, type],
];

/** An operation. */
export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: readonly (readonly Field[])[] = [],
  more: readonly Field[] = [],
): readonly Field[] {
  return [
    ...inputs.map((name): Field => [1, name]),
    ...outputs.map((name): Field => [2, name]),
    [4, op],
    ...attributes.map((attribute): Field => [5, attribute]),
    ...more,
  ];
}

/** A constant with raw bytes. */
export const tensor = (
  name: string,
  type: number,
  dims: readonly (number | bigint)[],
  more: readonly Field[],
): readonly Field[] => [...dims.map((size): Field => [1, size]), [2, type], [8, name], ...more];

/** A list of 64-bit integers. */
export const int64s = (
  name: string,
  values: readonly bigint[],
  dims: readonly number[] = [values.length],
): readonly Field[] => tensor(name, TYPE.int64, dims, [[9, new Uint8Array(new BigInt64Array(values).buffer)]]);

/** Parts of a graph. */
export interface GraphParts {
  readonly nodes?: readonly (readonly Field[])[];
  readonly constants?: readonly (readonly Field[])[];
  readonly inputs?: readonly (readonly Field[])[];
  readonly outputs?: readonly (readonly Field[])[];
  readonly more?: readonly Field[];
}

const X = value('x', tensorType(TYPE.float, ['n', 2]));
const Y = value('y', tensorType(TYPE.float, ['n', 2]));

/** A graph; without parts it gives its input back. */
export function graph(parts: GraphParts = {}): readonly Field[] {
  const { nodes = [node('Identity', ['x'], ['y'])], constants = [], inputs = [X], outputs = [Y], more = [] } = parts;
  return [
    ...nodes.map((each): Field => [1, each]),
    [2, 'g'],
    ...constants.map((each): Field => [5, each]),
    ...inputs.map((each): Field => [11, each]),
    ...outputs.map((each): Field => [12, each]),
    ...more,
  ];
}

/** A model around a graph. */
export function model(parts: GraphParts = {}, more: readonly Field[] = [], head: readonly Field[] = HEAD): Buffer {
  return message([...head, [7, graph(parts)], ...more]);
}

/** Version of the format and operator set of a model. */
export const HEAD: readonly Field[] = [
  [1, 8],
  [8, [[2, 17]]],
];
