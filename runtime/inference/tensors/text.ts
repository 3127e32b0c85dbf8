import { getFloat16 } from '@petamoriken/float16';
import { unpackStrings } from './bytes';
import { aligned } from './tensor';
import type { Datatype, Tensor } from './tensor';

/** JSON has no NaN or infinity; they are written as strings, as in the JSON form of Protocol Buffers. */
function numberText(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value);
  return `"${value}"`;
}

const FLOAT32_DIGITS = [7, 8] as const;
const EXACT_FLOAT32 = 2 ** 24;

/** The value in at most 9 digits, which read back as the same 32-bit float; the 64-bit form has up to 17. */
function float32Text(value: number): string {
  const whole = Number.isInteger(value) && Math.abs(value) < EXACT_FLOAT32;
  if (whole || !Number.isFinite(value)) return numberText(value);
  for (const digits of FLOAT32_DIGITS) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}

function float16Text(data: Uint8Array): string {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const texts: string[] = [];
  for (let offset = 0; offset < data.byteLength; offset += 2) texts.push(numberText(getFloat16(view, offset, true)));
  return texts.join(',');
}

function words(data: Uint8Array, bytes: number): [ArrayBufferLike, number, number] {
  return [data.buffer, data.byteOffset, data.byteLength / bytes];
}

const WRITERS: { readonly [D in Datatype]: (data: Uint8Array) => string } = {
  BOOL: (data) => Array.from(data, (value) => String(value !== 0)).join(','),
  UINT8: (data) => data.join(','),
  UINT16: (data) => new Uint16Array(...words(data, 2)).join(','),
  UINT32: (data) => new Uint32Array(...words(data, 4)).join(','),
  UINT64: (data) => new BigUint64Array(...words(data, 8)).join(','),
  INT8: (data) => new Int8Array(...words(data, 1)).join(','),
  INT16: (data) => new Int16Array(...words(data, 2)).join(','),
  INT32: (data) => new Int32Array(...words(data, 4)).join(','),
  INT64: (data) => new BigInt64Array(...words(data, 8)).join(','),
  FP16: float16Text,
  FP32: (data) => Array.from(new Float32Array(...words(data, 4)), float32Text).join(','),
  FP64: (data) => Array.from(new Float64Array(...words(data, 8)), numberText).join(','),
  BYTES: (data) =>
    unpackStrings(data)
      .map((value) => JSON.stringify(value))
      .join(','),
};

/** The elements of a tensor as a flat JSON array. 64-bit integers are written exactly. */
export function elementsText(tensor: Pick<Tensor, 'datatype' | 'data'>): string {
  return `[${WRITERS[tensor.datatype](aligned(tensor.data))}]`;
}
