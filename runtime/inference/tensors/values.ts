import { halfAt, packHalves, unpackHalves } from './half';
import { aligned, DATATYPE_BYTES } from './tensor';
import type { Datatype, Tensor } from './tensor';

/** Elements of a tensor, each as its datatype has it; 64-bit integers are bigints. */
export type Elements =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** The numbers of a tensor of floats. */
export type Floats = Float32Array | Float64Array;

/** Datatypes that hold fractions. */
export const FLOATS = ['FP16', 'FP32', 'FP64'] as const;

/** One of {@link FLOATS}. */
export type FloatType = (typeof FLOATS)[number];

/** True for a datatype that holds fractions. */
export const isFloat = (datatype: Datatype): datatype is FloatType => FLOATS.some((each) => each === datatype);

type Content = Pick<Tensor, 'datatype' | 'data'>;
type Place = [buffer: ArrayBufferLike, offset: number, count: number];

const VIEWS: { readonly [D in Exclude<Datatype, 'BYTES' | 'FP16'>]: (place: Place) => Elements } = {
  BOOL: (place) => new Uint8Array(...place),
  UINT8: (place) => new Uint8Array(...place),
  UINT16: (place) => new Uint16Array(...place),
  UINT32: (place) => new Uint32Array(...place),
  UINT64: (place) => new BigUint64Array(...place),
  INT8: (place) => new Int8Array(...place),
  INT16: (place) => new Int16Array(...place),
  INT32: (place) => new Int32Array(...place),
  INT64: (place) => new BigInt64Array(...place),
  FP32: (place) => new Float32Array(...place),
  FP64: (place) => new Float64Array(...place),
};

/** The elements of a tensor of numbers, viewed where that is possible and copied for FP16. */
export function elementsOf({ datatype, data }: Content): Elements {
  if (datatype === 'FP16') return unpackHalves(data);
  if (datatype === 'BYTES') throw new Error('texts are no numbers; this is a bug');
  const { buffer, byteOffset, byteLength } = aligned(data);
  return VIEWS[datatype]([buffer, byteOffset, byteLength / DATATYPE_BYTES[datatype]]);
}

/** The numbers of a tensor of floats; undefined for other datatypes. */
export function floatsOf(tensor: Content): Floats | undefined {
  return isFloat(tensor.datatype) ? (elementsOf(tensor) as Floats) : undefined;
}

type Read = (view: DataView, index: number) => number | bigint;

const READERS: { readonly [D in Exclude<Datatype, 'BYTES'>]: Read } = {
  BOOL: (view, index) => view.getUint8(index),
  UINT8: (view, index) => view.getUint8(index),
  UINT16: (view, index) => view.getUint16(2 * index, true),
  UINT32: (view, index) => view.getUint32(4 * index, true),
  UINT64: (view, index) => view.getBigUint64(8 * index, true),
  INT8: (view, index) => view.getInt8(index),
  INT16: (view, index) => view.getInt16(2 * index, true),
  INT32: (view, index) => view.getInt32(4 * index, true),
  INT64: (view, index) => view.getBigInt64(8 * index, true),
  FP16: (view, index) => halfAt(view, 2 * index),
  FP32: (view, index) => view.getFloat32(4 * index, true),
  FP64: (view, index) => view.getFloat64(8 * index, true),
};

/** Reads single elements of a tensor, wherever they lie and without a copy of the others; undefined for text. */
export function elementReader({ datatype, data }: Content): ((index: number) => number | bigint) | undefined {
  if (datatype === 'BYTES') return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const read = READERS[datatype];
  return (index) => read(view, index);
}

/** The same as numbers, of which 64-bit integers may not be exact. */
export function numberReader(tensor: Content): ((index: number) => number) | undefined {
  const read = elementReader(tensor);
  return read && ((index) => Number(read(index)));
}

const HALF_EXPONENT = 0x7c00;

/** Index of the first element that is NaN or infinite; -1 when there is none. */
export function firstNonFinite({ datatype, data }: Content): number {
  if (!isFloat(datatype)) return -1;
  if (datatype === 'FP16') {
    const halves = elementsOf({ datatype: 'UINT16', data }) as Uint16Array;
    return halves.findIndex((bits) => (bits & HALF_EXPONENT) === HALF_EXPONENT);
  }
  const values = elementsOf({ datatype, data });
  for (let index = 0; index < values.length; index++) if (!Number.isFinite(values[index])) return index;
  return -1;
}

/** Writes numbers as elements of a datatype that holds fractions. */
export function packFloats(datatype: FloatType, values: Floats): Uint8Array {
  if (datatype === 'FP16') return packHalves(values);
  const fits = datatype === 'FP32' ? values instanceof Float32Array : values instanceof Float64Array;
  const own = fits ? values : datatype === 'FP32' ? Float32Array.from(values) : Float64Array.from(values);
  return new Uint8Array(own.buffer, own.byteOffset, own.byteLength);
}

/** Room for results in a datatype: as exact as it is. */
export const roomFor = (datatype: FloatType, count: number): Floats =>
  datatype === 'FP64' ? new Float64Array(count) : new Float32Array(count);

/** How far numbers may lie from what is expected. */
export interface Tolerance {
  readonly absolute: number;
  /** As a share of the expected number. */
  readonly relative: number;
}

/** True for a number that is as it is expected. Nothing is near NaN or an infinity but itself. */
export function isNear(got: number, expected: number, { absolute, relative }: Tolerance): boolean {
  if (got === expected || Object.is(got, expected)) return true;
  const gap = Math.abs(got - expected);
  return gap < Infinity && gap <= absolute + relative * Math.abs(expected);
}
