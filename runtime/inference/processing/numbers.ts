import { packHalves, unpackHalves } from '../tensors/half';
import { aligned } from '../tensors/tensor';
import type { Datatype, Tensor } from '../tensors/tensor';

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

type Place = [buffer: ArrayBufferLike, offset: number, count: number];

const VIEWS: { readonly [D in Exclude<Datatype, 'BYTES' | 'FP16'>]: readonly [number, (place: Place) => Elements] } = {
  BOOL: [1, (place) => new Uint8Array(...place)],
  UINT8: [1, (place) => new Uint8Array(...place)],
  UINT16: [2, (place) => new Uint16Array(...place)],
  UINT32: [4, (place) => new Uint32Array(...place)],
  UINT64: [8, (place) => new BigUint64Array(...place)],
  INT8: [1, (place) => new Int8Array(...place)],
  INT16: [2, (place) => new Int16Array(...place)],
  INT32: [4, (place) => new Int32Array(...place)],
  INT64: [8, (place) => new BigInt64Array(...place)],
  FP32: [4, (place) => new Float32Array(...place)],
  FP64: [8, (place) => new Float64Array(...place)],
};

/** The elements of a tensor of numbers, viewed where that is possible and copied for FP16. */
export function elementsOf({ datatype, data }: Pick<Tensor, 'datatype' | 'data'>): Elements {
  if (datatype === 'FP16') return unpackHalves(data);
  if (datatype === 'BYTES') throw new Error('texts are no numbers; this is a bug');
  const [bytes, view] = VIEWS[datatype];
  const { buffer, byteOffset, byteLength } = aligned(data);
  return view([buffer, byteOffset, byteLength / bytes]);
}

/** Datatypes that hold fractions. */
const FLOATS = ['FP16', 'FP32', 'FP64'] as const;

/** One of {@link FLOATS}. */
export type FloatType = (typeof FLOATS)[number];

/** True for a datatype that holds fractions. */
export const isFloat = (datatype: Datatype): datatype is FloatType => FLOATS.some((each) => each === datatype);

/** Writes numbers as elements of a datatype that holds fractions. */
export function packFloats(datatype: FloatType, values: Float32Array | Float64Array): Uint8Array {
  if (datatype === 'FP16') return packHalves(values);
  const fits = datatype === 'FP32' ? values instanceof Float32Array : values instanceof Float64Array;
  const own = fits ? values : datatype === 'FP32' ? Float32Array.from(values) : Float64Array.from(values);
  return new Uint8Array(own.buffer, own.byteOffset, own.byteLength);
}

/** Room for results in a datatype: as exact as it is. */
export const roomFor = (datatype: FloatType, count: number): Float32Array | Float64Array =>
  datatype === 'FP64' ? new Float64Array(count) : new Float32Array(count);
