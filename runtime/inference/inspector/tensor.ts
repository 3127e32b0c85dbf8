import { malformed, tooMuch } from './errors';
import { readExternal } from './external-data';
import type { ExternalRange } from './external-data';
import { Message } from './message';
import type { InspectorLimits } from './limits';
import type { ProtoReader, Range } from './proto-reader';
import { ELEMENT, ELEMENT_BITS } from './schema';

/** What is known of a constant. */
export interface TensorReport {
  readonly name: string;
  /** Bytes of its values. */
  readonly bytes: number;
  /** Where they lie, when that is another file. */
  readonly external: ExternalRange | undefined;
  /** Its values, when they are few integers. */
  readonly integers: readonly bigint[] | undefined;
}

/** A list of at most this many integers may be a shape or a count, and is looked at. */
const FEW = 64;
const EXTERNAL_LOCATION = 1n;
const CONTINUES = 0x80;

type Tensor = Message<'tensor'>;
type Field = 'floats' | 'int32s' | 'int64s' | 'doubles' | 'uint64s';

const FIXED_BYTES: Readonly<Partial<Record<Field, number>>> = { floats: 4, doubles: 8 };
const TYPED: readonly Field[] = ['floats', 'int32s', 'int64s', 'doubles', 'uint64s'];

/** Number of elements of these sizes, which is bounded. */
export function elementsOf(dims: readonly bigint[], most: number, what: string, rank: number): number {
  if (dims.length > rank) throw tooMuch(`dimensions of ${what}`, dims.length, rank);
  let product = 1n;
  for (const size of dims) {
    if (size < 0n) throw malformed(`${what} has a dimension of ${size}`);
    product *= size;
  }
  if (product > BigInt(most)) throw tooMuch(`elements of ${what}`, product, most);
  return Number(product);
}

function countVarints(reader: ProtoReader, { start, end }: Range): number {
  const step = 1 << 16;
  let count = 0;
  for (let at = start; at < end; at += step) {
    for (const byte of reader.source.view(at, Math.min(end, at + step))) if (byte < CONTINUES) count += 1;
  }
  return count;
}

/** Numbers that a field of a tensor holds. */
function stored(reader: ProtoReader, tensor: Tensor, field: Field): number {
  const width = FIXED_BYTES[field];
  let count = 0;
  for (const { range } of tensor.all(field)) {
    if (range === undefined) count += 1;
    else count += width === undefined ? countVarints(reader, range) : (range.end - range.start) / width;
  }
  return count;
}

/** Numbers that the typed field of a tensor has to hold. */
function wanted(type: number, elements: number): number {
  const bits = ELEMENT_BITS[type] ?? 0;
  if (type === ELEMENT.complex64 || type === ELEMENT.complex128) return 2 * elements;
  return bits < 8 ? Math.ceil((elements * bits) / 8) : elements;
}

function checkData(reader: ProtoReader, tensor: Tensor, what: string, type: number, elements: number): number {
  const bytes = Math.ceil((elements * (ELEMENT_BITS[type] ?? 0)) / 8);
  const raw = tensor.range('raw');
  const fields = TYPED.filter((field) => tensor.has(field));
  const kinds = fields.length + (raw ? 1 : 0) + (tensor.has('strings') ? 1 : 0);
  if (kinds > 1) throw malformed(`${what} has its values twice`);
  const text = type === ELEMENT.string;
  if (raw) {
    const got = raw.end - raw.start;
    if (text || got !== bytes) throw malformed(`${what} has ${got} bytes of values, its shape needs ${bytes}`);
    return bytes;
  }
  const [field] = fields;
  const got = text ? tensor.all('strings').length : field === undefined ? 0 : stored(reader, tensor, field);
  const need = text ? elements : wanted(type, elements);
  if (got !== need) throw malformed(`${what} has ${got} values, its shape needs ${need}`);
  return text ? tensor.ranges('strings').reduce((sum, { start, end }) => sum + end - start, 0) : bytes;
}

function fewIntegers(reader: ProtoReader, tensor: Tensor, type: number, elements: number): bigint[] | undefined {
  if (elements > FEW || (type !== ELEMENT.int64 && type !== ELEMENT.int32)) return undefined;
  const raw = tensor.range('raw');
  if (!raw) return [...tensor.integers(type === ELEMENT.int64 ? 'int64s' : 'int32s')];
  const copy = reader.bytes(raw, FEW * 8, 'a shape');
  const view = new DataView(copy.buffer);
  return Array.from({ length: elements }, (_, index) =>
    type === ELEMENT.int64 ? view.getBigInt64(8 * index, true) : BigInt(view.getInt32(4 * index, true)),
  );
}

/** Holds a constant to its shape: as many values as that says, no more and no less. */
export function inspectTensor(reader: ProtoReader, range: Range, limits: InspectorLimits): TensorReport {
  const tensor = Message.read(reader, 'tensor', range);
  const name = tensor.text('name', limits.nameBytes);
  const what = `constant ${JSON.stringify(name)}`;
  if (tensor.has('segment')) throw malformed(`${what} is in segments`);
  const type = Number(tensor.integer('type') ?? 0n);
  if (ELEMENT_BITS[type] === undefined) throw malformed(`${what} has the unknown element type ${type}`);
  const elements = elementsOf([...tensor.integers('dims')], limits.storedElements, what, limits.rank);
  if ((tensor.integer('location') ?? 0n) === EXTERNAL_LOCATION) {
    if (type === ELEMENT.string || tensor.has('raw')) throw malformed(`${what} has its values twice`);
    const bytes = Math.ceil((elements * (ELEMENT_BITS[type] ?? 0)) / 8);
    return { name, bytes, external: readExternal(reader, tensor, bytes, what), integers: undefined };
  }
  if (tensor.has('external')) throw malformed(`${what} names a file that it does not use`);
  const bytes = checkData(reader, tensor, what, type, elements);
  return { name, bytes, external: undefined, integers: fewIntegers(reader, tensor, type, elements) };
}
