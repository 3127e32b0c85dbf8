import { answerTooLong } from '../errors';
import { endOfElements, unpackStrings } from './bytes';
import { unpackHalves } from './half';
import { aligned, DATATYPE_BYTES } from './tensor';
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
  FP16: (data) => Array.from(unpackHalves(data), numberText).join(','),
  FP32: (data) => Array.from(new Float32Array(...words(data, 4)), float32Text).join(','),
  FP64: (data) => Array.from(new Float64Array(...words(data, 8)), numberText).join(','),
  BYTES: (data) =>
    unpackStrings(data)
      .map((value) => JSON.stringify(value))
      .join(','),
};

type Elements = Pick<Tensor, 'datatype' | 'data'>;

/** Most bytes of JSON that an answer has. The longest string of the engine is about twice as long. */
export const MAX_TEXT_BYTES = 256 * 2 ** 20;

/** Elements that are written at once, where others wait, and bytes of texts: some milliseconds of work. */
const SLICE = { count: 8192, bytes: 2 ** 18 } as const;

/** Bytes of text that elements have at least, each with its comma. */
export function leastTextBytes({ datatype, data }: Elements): number {
  if (datatype === 'BYTES') return data.byteLength;
  return (data.byteLength / DATATYPE_BYTES[datatype]) * (datatype === 'BOOL' ? 'true,'.length : '0,'.length);
}

function textOf({ datatype, data }: Elements): string {
  try {
    return WRITERS[datatype](aligned(data));
  } catch (error) {
    // A string that the engine cannot hold.
    if (error instanceof RangeError && error.message === 'Invalid string length') throw answerTooLong(MAX_TEXT_BYTES);
    throw error;
  }
}

/**
 * The elements of a tensor as a flat JSON array. 64-bit integers are written exactly.
 *
 * @throws RequestError (413) where they are too long for text
 */
export function elementsText(tensor: Elements): string {
  if (leastTextBytes(tensor) > MAX_TEXT_BYTES) throw answerTooLong(MAX_TEXT_BYTES);
  return `[${textOf(tensor)}]`;
}

/** The same text in parts, each of which is written when it is asked for. @throws as {@link elementsText} */
export function* elementsParts({ datatype, data }: Elements): Generator<string> {
  if (leastTextBytes({ datatype, data }) > MAX_TEXT_BYTES) throw answerTooLong(MAX_TEXT_BYTES);
  const size = DATATYPE_BYTES[datatype];
  let separator = '[';
  for (let from = 0; from < data.byteLength;) {
    const to = size === undefined ? endOfElements(data, from, SLICE) : from + SLICE.count * size;
    yield separator + textOf({ datatype, data: data.subarray(from, to) });
    separator = ',';
    from = to;
  }
  yield separator === '[' ? '[]' : ']';
}
