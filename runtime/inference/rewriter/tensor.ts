import { ComputedBytes, MemoryBytes } from './bytes';
import type { Bytes } from './bytes';
import { bytesOf, floatsOf, sizeOf, TYPE, viewBytes } from './elements';
import { Encoder } from './encoder';
import { Parsed } from './parsed';
import type { ParseSource } from './parsed';
import type { ProtoField, Range } from '../inspector/proto-reader';

/** Numbers of the fields of a tensor. */
const FIELD = {
  dims: 1,
  type: 2,
  floats: 4,
  int32s: 5,
  strings: 6,
  int64s: 7,
  name: 8,
  raw: 9,
  doubles: 10,
  uint64s: 11,
  external: 13,
  location: 14,
} as const;

const EXTERNAL = 1n;

/** Where the values of a constant lie in another file. */
export interface ExternalEntry {
  readonly location: string;
  readonly offset: number;
  /** Bytes; as many as the shape needs where the file does not say. */
  readonly length: number;
}

/** Opens a range of a file of weights. */
export type OpenExternal = (entry: ExternalEntry) => Bytes;

/** A constant. */
export interface Weight {
  readonly name: string;
  /** Element type as ONNX numbers them. */
  readonly type: number;
  readonly dims: readonly number[];
  /** Little-endian values; undefined for texts. */
  readonly data: Bytes | undefined;
  /** Its message as it was read; undefined for new ones and where the values lie elsewhere. */
  readonly original: Bytes | undefined;
  /** Fields that are not understood. */
  readonly rest: readonly Bytes[];
}

function externalEntry(message: Parsed, bytes: number): ExternalEntry {
  const entries = new Map(
    message.ranges(FIELD.external).map((range) => {
      const entry = new Parsed(message.source, range, [1, 2]);
      return [entry.text(1), entry.text(2)] as const;
    }),
  );
  const location = (entries.get('location') ?? '').replace(/^\.\//, '');
  return { location, offset: Number(entries.get('offset') ?? 0), length: Number(entries.get('length') ?? bytes) };
}

function writers(type: number, elements: number): [view: ArrayBufferView, set: (at: number, value: bigint) => void] {
  const wide = bytesOf(type, elements) === 8 * elements;
  if (wide) {
    const list = new BigUint64Array(elements);
    return [list, (at, value) => void (list[at] = BigInt.asUintN(64, value))];
  }
  const width = Math.max(1, bytesOf(type, elements) / Math.max(1, elements));
  const count = width >= 1 ? Math.ceil(bytesOf(type, elements) / width) : 0;
  const list = width === 4 ? new Uint32Array(count) : width === 2 ? new Uint16Array(count) : new Uint8Array(count);
  return [list, (at, value) => void (list[at] = Number(BigInt.asUintN(32, value)))];
}

/** Values that are written as a list of numbers, as the bytes that `raw_data` would hold. */
function typedBytes(message: Parsed, type: number, elements: number): Uint8Array {
  const pieces = (fields: readonly ProtoField[]): Uint8Array =>
    Buffer.concat(fields.flatMap(({ range }) => (range ? [message.source.bytes(range).read()] : [])));
  const floats = [...message.all(FIELD.floats), ...message.all(FIELD.doubles)];
  if (floats.length > 0) return pieces(floats);
  const [list, set] = writers(type, elements);
  const field = [FIELD.int32s, FIELD.int64s, FIELD.uint64s].find((id) => message.all(id).length > 0);
  (field === undefined ? [] : message.integers(field)).forEach((value, index) => set(index, value));
  return viewBytes(list);
}

function dataOf(message: Parsed, type: number, elements: number): Bytes | undefined {
  if (type === TYPE.string) return undefined;
  const raw = message.range(FIELD.raw);
  if (raw) return message.source.bytes(raw);
  return new ComputedBytes(bytesOf(type, elements), () => typedBytes(message, type, elements));
}

/** Reads a constant. */
export function readWeight(source: ParseSource, range: Range, open: OpenExternal): Weight {
  const message = new Parsed(source, range, Object.values(FIELD));
  const type = Number(message.integer(FIELD.type));
  const dims = message.integers(FIELD.dims).map(Number);
  const elements = sizeOf(dims);
  const elsewhere = message.integer(FIELD.location) === EXTERNAL;
  return {
    name: message.text(FIELD.name),
    type,
    dims,
    data: elsewhere ? open(externalEntry(message, bytesOf(type, elements))) : dataOf(message, type, elements),
    original: elsewhere ? undefined : source.bytes(range),
    rest: message.rest,
  };
}

/** A new constant. */
export function weight(name: string, type: number, dims: readonly number[], data: Bytes | Uint8Array): Weight {
  const bytes = data instanceof Uint8Array ? new MemoryBytes(data) : data;
  return { name, type, dims, data: bytes, original: undefined, rest: [] };
}

/** A constant under another name. */
export const renamedWeight = (of: Weight, name: string): Weight =>
  of.data === undefined ? of : { ...of, name, original: undefined };

/** The values of an FP32 constant. */
export const weightFloats = ({ data }: Weight): Float32Array => floatsOf(data?.read() ?? new Uint8Array());

/** Where a constant is written to instead of the graph: gives its place, or undefined for those that stay. */
export type Placement = (weight: Weight) => ExternalEntry | undefined;

/** The message of a constant. */
export function encodeWeight(of: Weight, place: Placement): Encoder {
  const entry = place(of);
  const message = new Encoder();
  if (entry === undefined && of.original !== undefined) return message.raw(of.original);
  if (of.data === undefined) throw new Error(`texts of ${of.name} cannot be written anew; this is a bug`);
  for (const size of of.dims) message.number(FIELD.dims, size);
  message.number(FIELD.type, of.type).text(FIELD.name, of.name);
  for (const each of of.rest) message.raw(each);
  if (entry === undefined) return message.bytes(FIELD.raw, of.data);
  for (const key of ['location', 'offset', 'length'] as const) {
    message.message(FIELD.external, new Encoder().text(1, key).text(2, String(entry[key])));
  }
  return message.number(FIELD.location, EXTERNAL);
}
