import { packStrings } from './bytes';
import { halfBits, roundHalf } from './half';
import { DATATYPE_BYTES } from './tensor';
import type { Datatype } from './tensor';

/** A value that an element of a tensor cannot hold. */
export class ElementError extends Error {}

type Store = (view: DataView, offset: number, value: unknown) => void;

function reject(value: unknown, wanted: string): never {
  const shown = typeof value === 'bigint' ? String(value) : JSON.stringify(value);
  throw new ElementError(`${shown.length > 40 ? `${shown.slice(0, 40)}…` : shown} is not ${wanted}`);
}

function integer(
  bits: 8 | 16 | 32,
  signed: boolean,
  write: (view: DataView, offset: number, value: number) => void,
): Store {
  const min = signed ? -(2 ** (bits - 1)) : 0;
  const max = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  return (view, offset, value) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      reject(value, `an integer from ${min} to ${max}`);
    }
    write(view, offset, value);
  };
}

function wide(signed: boolean, write: (view: DataView, offset: number, value: bigint) => void): Store {
  const min = signed ? -(2n ** 63n) : 0n;
  const max = signed ? 2n ** 63n - 1n : 2n ** 64n - 1n;
  return (view, offset, value) => {
    const exact = typeof value === 'bigint' || Number.isSafeInteger(value);
    const big = exact ? BigInt(value as bigint | number) : undefined;
    if (big === undefined || big < min || big > max) reject(value, `an integer from ${min} to ${max}`);
    write(view, offset, big);
  };
}

function float(
  datatype: Datatype,
  round: (value: number) => number,
  write: (view: DataView, offset: number, value: number) => void,
): Store {
  return (view, offset, value) => {
    const number = typeof value === 'bigint' ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isFinite(round(number))) {
      reject(value, `a finite number that ${datatype} can hold`);
    }
    write(view, offset, number);
  };
}

const LITTLE = true;

const STORES: { readonly [D in Exclude<Datatype, 'BYTES'>]: Store } = {
  BOOL: (view, offset, value) => {
    if (typeof value !== 'boolean') reject(value, 'true or false');
    view.setUint8(offset, value ? 1 : 0);
  },
  UINT8: integer(8, false, (view, offset, value) => view.setUint8(offset, value)),
  UINT16: integer(16, false, (view, offset, value) => view.setUint16(offset, value, LITTLE)),
  UINT32: integer(32, false, (view, offset, value) => view.setUint32(offset, value, LITTLE)),
  UINT64: wide(false, (view, offset, value) => view.setBigUint64(offset, value, LITTLE)),
  INT8: integer(8, true, (view, offset, value) => view.setInt8(offset, value)),
  INT16: integer(16, true, (view, offset, value) => view.setInt16(offset, value, LITTLE)),
  INT32: integer(32, true, (view, offset, value) => view.setInt32(offset, value, LITTLE)),
  INT64: wide(true, (view, offset, value) => view.setBigInt64(offset, value, LITTLE)),
  FP16: float('FP16', roundHalf, (view, offset, value) => view.setUint16(offset, halfBits(value), LITTLE)),
  FP32: float('FP32', Math.fround, (view, offset, value) => view.setFloat32(offset, value, LITTLE)),
  FP64: float('FP64', Number, (view, offset, value) => view.setFloat64(offset, value, LITTLE)),
};

// Matches exactly the halves of surrogate pairs that stand alone, which UTF-8 cannot express.
const LONE_SURROGATE = /\p{Surrogate}/u;

/** True for a string that UTF-8 can express. */
export const isText = (value: unknown): value is string => typeof value === 'string' && !LONE_SURROGATE.test(value);

function acceptText(value: unknown): value is string {
  return isText(value) || reject(value, 'a string of Unicode text');
}

/**
 * Writes JSON values as elements of a datatype. Numbers are never rounded to fit an integer, never wrapped, and never
 * NaN or infinite: JSON has no way to write those, and a value that overflows is a mistake of the caller.
 *
 * @throws ElementError that names the first value that does not fit
 */
export function packElements(datatype: Datatype, values: readonly unknown[]): Uint8Array {
  if (datatype === 'BYTES') return packStrings(values.filter(acceptText));
  const size = DATATYPE_BYTES[datatype];
  const store = STORES[datatype];
  const data = new Uint8Array(values.length * size);
  const view = new DataView(data.buffer);
  for (let index = 0; index < values.length; index++) store(view, index * size, values[index]);
  return data;
}
