import { answerTooLong } from '../errors';
import { endOfElements, unpackStrings } from './bytes';
import { SLICE } from './slices';
import { DATATYPE_BYTES } from './tensor';
import type { Datatype, Tensor } from './tensor';
import { elementsOf } from './values';

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

/** How elements are written that are not written as whole numbers. */
const WRITERS: { readonly [D in Datatype]?: (data: Uint8Array) => string } = {
  BOOL: (data) => Array.from(data, (value) => String(value !== 0)).join(','),
  FP16: (data) => Array.from(elementsOf({ datatype: 'FP16', data }) as Float32Array, numberText).join(','),
  FP32: (data) => Array.from(elementsOf({ datatype: 'FP32', data }) as Float32Array, float32Text).join(','),
  FP64: (data) => Array.from(elementsOf({ datatype: 'FP64', data }) as Float64Array, numberText).join(','),
  BYTES: (data) =>
    unpackStrings(data)
      .map((value) => JSON.stringify(value))
      .join(','),
};

type Content = Pick<Tensor, 'datatype' | 'data'>;

/** Most bytes of JSON that an answer has. The longest string of the engine is about twice as long. */
export const MAX_TEXT_BYTES = 256 * 2 ** 20;

/** Bytes of text that elements have at least, each with its comma. */
export function leastTextBytes({ datatype, data }: Content): number {
  if (datatype === 'BYTES') return data.byteLength;
  return (data.byteLength / DATATYPE_BYTES[datatype]) * (datatype === 'BOOL' ? 'true,'.length : '0,'.length);
}

function textOf({ datatype, data }: Content): string {
  try {
    return WRITERS[datatype]?.(data) ?? elementsOf({ datatype, data }).join(',');
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
export function elementsText(tensor: Content): string {
  if (leastTextBytes(tensor) > MAX_TEXT_BYTES) throw answerTooLong(MAX_TEXT_BYTES);
  return `[${textOf(tensor)}]`;
}

/** The same text in parts, each of which is written when it is asked for. @throws as {@link elementsText} */
export function* elementsParts({ datatype, data }: Content): Generator<string> {
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
