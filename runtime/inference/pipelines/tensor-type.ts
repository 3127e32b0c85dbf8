import { DATATYPE_BYTES } from '../tensors/tensor';
import type { Datatype, TensorSpec } from '../tensors/tensor';

/** What is known of a tensor before there is one. */
export interface TensorType {
  /** Datatypes that it may have; undefined while nothing is said. */
  readonly datatypes: readonly Datatype[] | undefined;
  /** -1 stands for any size; undefined while nothing is said. */
  readonly shape: readonly number[] | undefined;
}

const ALL = Object.keys(DATATYPE_BYTES) as readonly Datatype[];

/** Datatypes that a mean can be taken of. */
export const FLOATS: readonly Datatype[] = ['FP16', 'FP32', 'FP64'];
/** Datatypes whose values are equal or not. */
export const DISCRETE: readonly Datatype[] = ALL.filter((each) => !FLOATS.includes(each));
/** Datatypes that are compared with numbers. */
export const NUMBERS: readonly Datatype[] = ALL.filter((each) => each !== 'BOOL' && each !== 'BYTES');

/** The type that a signature states. */
export const typeOf = ({ datatype, shape }: Pick<TensorSpec, 'datatype' | 'shape'>): TensorType => ({
  datatypes: [datatype],
  shape,
});

/** A type of which only the datatype is known. */
export const ofDatatypes = (datatypes: readonly Datatype[] | undefined): TensorType => ({
  datatypes,
  shape: undefined,
});

function datatypesOfBoth(a: TensorType, b: TensorType): readonly Datatype[] | undefined {
  if (a.datatypes === undefined) return b.datatypes;
  return b.datatypes === undefined ? a.datatypes : a.datatypes.filter((each) => b.datatypes?.includes(each));
}

type Axis = (a: number, b: number) => number | undefined;

const narrow: Axis = (a, b) => (a === b || b === -1 ? a : a === -1 ? b : undefined);
const widen: Axis = (a, b) => (a === b ? a : a === -1 || b === -1 ? -1 : undefined);

function shapes(a: readonly number[], b: readonly number[], axis: Axis): readonly number[] | undefined {
  if (a.length !== b.length) return undefined;
  const sizes = a.map((size, index) => axis(size, b[index] ?? -1));
  return sizes.every((size) => size !== undefined) ? sizes : undefined;
}

/** What fits both types; undefined where nothing does. Open sizes take those of the other. */
export function both(a: TensorType, b: TensorType): TensorType | undefined {
  const datatypes = datatypesOfBoth(a, b);
  if (datatypes?.length === 0) return undefined;
  if (a.shape === undefined || b.shape === undefined) return { datatypes, shape: a.shape ?? b.shape };
  const shape = shapes(a.shape, b.shape, narrow);
  return shape && { datatypes, shape };
}

/** What is said of a tensor that is of one type or the other; undefined where they do not go together. */
export function either(a: TensorType, b: TensorType): TensorType | undefined {
  const datatypes = datatypesOfBoth(a, b);
  if (datatypes?.length === 0) return undefined;
  if (a.shape === undefined || b.shape === undefined) return { datatypes, shape: undefined };
  const shape = shapes(a.shape, b.shape, widen);
  return shape && { datatypes, shape };
}

/** A type in a sentence: `FP32 [-1,4]`. */
export function typeText({ datatypes, shape }: TensorType): string {
  const names = datatypes === undefined ? 'any datatype' : datatypes.join('|');
  return shape === undefined ? names : `${names} [${shape.join(',')}]`;
}
