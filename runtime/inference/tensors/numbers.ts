import { MAX_NUMBER } from './json';
import type { NumberSpan } from './json';
import type { Datatype } from './tensor';

const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const SPACE = 0x20;
/** A number of JSON, between white space of JSON. */
const NUMBER = /^[ \n\r\t]*(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)[ \n\r\t]*$/;
/** Exactly representable powers of ten. */
const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
/** Their inverses, each off by half a unit in the last place at most. */
const FRACTIONS = POWERS.map((power) => 1 / power);
const MOST_FRACTION = 22;
/** Sums of digits below the first are exact, and below the second off by a few units in the last place. */
const EXACT_SUM = 2 ** 53;
const CLOSE_SUM = 1e19;
/** Largest value that rounds to a finite 32-bit float, and smallest that is not subnormal as one. */
const FLOAT32 = { most: 3.4028235677973366e38, least: 1.1754943508222875e-38 } as const;
/** A 64-bit float has 29 bits more than a 32-bit one; a value near the middle between two of those rounds either way. */
const REST_BITS = 0x1fffffff;
const REST_MIDDLE = 0x10000000;
const REST_MARGIN = 64;

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);

/** True when a value with an error of a few units in the last place still rounds to the one right 32-bit float. */
function roundsSafely(value: number): boolean {
  if (value < FLOAT32.least || value > FLOAT32.most) return false;
  double[0] = value;
  const distance = ((words[0] ?? 0) & REST_BITS) - REST_MIDDLE;
  return distance > REST_MARGIN || distance < -REST_MARGIN;
}

/** Where the element that begins here ends. */
function elementEnd(bytes: Buffer, start: number, end: number): number {
  const comma = bytes.indexOf(COMMA, start);
  return comma < 0 || comma > end ? end : comma;
}

/** The number between these places as the engine reads it; NaN where the text is no number of JSON, or too long. */
function readSlowly(bytes: Buffer, start: number, end: number): number {
  if (end - start > MAX_NUMBER) return Number.NaN;
  const text = NUMBER.exec(bytes.toString('latin1', start, end))?.[1];
  return text === undefined ? Number.NaN : Number(text);
}

/**
 * The sum of digits divided by a power of ten where the result can be shown to be the right one; else NaN.
 *
 * @param single whether only the nearest 32-bit float matters
 */
function scaled(sum: number, fraction: number, single: boolean): number {
  if (fraction > MOST_FRACTION) return Number.NaN;
  if (sum === 0) return 0;
  if (single && sum < CLOSE_SUM) {
    // A product takes a quarter of the time of a quotient, and is off by no more than the margin.
    const close = sum * (FRACTIONS[fraction] ?? 1);
    if (roundsSafely(close)) return close;
  }
  // One rounding of exact operands is the right one.
  return sum < EXACT_SUM ? sum / (POWERS[fraction] ?? 1) : Number.NaN;
}

/** Four digits as one little-endian word, and what each digit has above its value. */
const FOUR = { bytes: 4, power: 10_000, high: 0xf0f0f0f0 | 0, zeros: 0x30303030, toTen: 0x06060606 } as const;

/** Four digits that lie in a little-endian word; negative when one of them is none. */
function fourDigits(word: number): number {
  // Digits are 0x30 to 0x39: the upper half says so, and still does with six more.
  if ((word & FOUR.high) !== FOUR.zeros || ((word + FOUR.toTen) & FOUR.high) !== FOUR.zeros) return -1;
  const digits = word & ~FOUR.high;
  // The first digit lies lowest: pairs in bytes 0 and 2, then the four of them.
  const pairs = (Math.imul(digits, 10) + (digits >>> 8)) & 0x00ff00ff;
  return (Math.imul(pairs, 100) + (pairs >>> 16)) & 0xffff;
}

/**
 * Reads numbers into `out`; false unless the text is exactly that many finite ones. One loop, because calls that
 * the engine does not inline cost more than the digits do: plain decimals are read here, four digits at a time where there
 * are four, all else by the engine.
 */
function scanFloats(span: NumberSpan, out: Float32Array | Float64Array, most: number): boolean {
  const { bytes, start, end } = span;
  const single = most === FLOAT32.most;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lastFour = bytes.byteLength - FOUR.bytes;
  let place = start;
  for (let index = 0; index < out.length; index++) {
    if (bytes[place] === SPACE) place++;
    const first = place;
    const negative = bytes[place] === MINUS;
    const whole = negative ? ++place : place;
    let sum = 0;
    let point = -1;
    for (;;) {
      const four = place <= lastFour ? fourDigits(view.getInt32(place, true)) : -1;
      if (four >= 0) {
        sum = sum * FOUR.power + four;
        place += FOUR.bytes;
        continue;
      }
      const digit = (bytes[place] ?? 0) - ZERO;
      if (digit >>> 0 < 10) {
        sum = sum * 10 + digit;
        place++;
      } else if (digit === DOT - ZERO && point < 0) point = ++place;
      else break;
    }
    const digits = (point < 0 ? place : point - 1) - whole;
    const isPlain = digits > 0 && (digits === 1 || bytes[whole] !== ZERO) && place !== point;
    const isEnded = place === end || bytes[place] === COMMA;
    const size = isPlain && isEnded ? scaled(sum, point < 0 ? 0 : place - point, single) : Number.NaN;
    const isKnown = !Number.isNaN(size);
    if (!isKnown) place = elementEnd(bytes, first, end);
    const value = isKnown ? (negative ? -size : size) : readSlowly(bytes, first, place);
    if (!(value < most && value > -most) || place >= end !== (index === out.length - 1)) return false;
    out[index] = value;
    place++;
  }
  return true;
}

/** How integers of a datatype are stored; false where the value is none of it. */
type Store = (index: number, value: number) => boolean;

/** Most digits of an integer that is exact as a sum. */
const EXACT_DIGITS = 15;

/** Reads integers of up to 15 digits; false unless the text is exactly that many of them. */
function scanIntegers({ bytes, start, end }: NumberSpan, count: number, store: Store): boolean {
  let place = start;
  for (let index = 0; index < count; index++) {
    if (bytes[place] === SPACE) place++;
    const negative = bytes[place] === MINUS;
    if (negative) place++;
    const first = place;
    let value = 0;
    for (; ; place++) {
      const digit = (bytes[place] ?? 0) - ZERO;
      if (digit >>> 0 > 9) break;
      value = value * 10 + digit;
    }
    const digits = place - first;
    if (digits < 1 || digits > EXACT_DIGITS || (digits > 1 && bytes[first] === ZERO)) return false;
    if (place !== end && bytes[place] !== COMMA) return false;
    if (place >= end !== (index === count - 1) || !store(index, negative ? -value : value)) return false;
    place++;
  }
  return true;
}

/** 64-bit integers as two 32-bit halves: far cheaper than a bigint for each. */
function wide(span: NumberSpan, count: number, signed: boolean): Uint8Array | undefined {
  const out = new Uint32Array(2 * count);
  const stored = scanIntegers(span, count, (index, value) => {
    const high = Math.floor(value / 2 ** 32);
    out[2 * index] = value - high * 2 ** 32;
    out[2 * index + 1] = high;
    return signed || value >= 0;
  });
  return stored ? new Uint8Array(out.buffer) : undefined;
}

type Narrow = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;

function narrow(span: NumberSpan, out: Narrow, min: number, max: number): Uint8Array | undefined {
  const stored = scanIntegers(span, out.length, (index, value) => {
    out[index] = value;
    return value >= min && value <= max;
  });
  return stored ? new Uint8Array(out.buffer) : undefined;
}

function floats(span: NumberSpan, out: Float32Array | Float64Array, most: number): Uint8Array | undefined {
  return scanFloats(span, out, most) ? new Uint8Array(out.buffer as ArrayBuffer) : undefined;
}

/**
 * Reads the elements of a tensor straight from JSON text. Every element is what `JSON.parse` and a typed array make of
 * it, bit for bit.
 *
 * @returns undefined where the text holds anything but that many numbers of this datatype, or a number in a form that
 * is too rare to be read here
 */
export function scanNumbers(span: NumberSpan, datatype: Datatype, count: number): Uint8Array | undefined {
  // Each element takes a byte and a comma, so a shape cannot claim memory that the body does not pay for.
  if (count < 1 || count > (span.end - span.start + 1) / 2) return undefined;
  switch (datatype) {
    case 'FP32':
      return floats(span, new Float32Array(count), FLOAT32.most);
    case 'FP64':
      return floats(span, new Float64Array(count), Number.POSITIVE_INFINITY);
    case 'INT64':
    case 'UINT64':
      return wide(span, count, datatype === 'INT64');
    case 'INT32':
      return narrow(span, new Int32Array(count), -(2 ** 31), 2 ** 31 - 1);
    case 'UINT32':
      return narrow(span, new Uint32Array(count), 0, 2 ** 32 - 1);
    case 'INT16':
      return narrow(span, new Int16Array(count), -(2 ** 15), 2 ** 15 - 1);
    case 'UINT16':
      return narrow(span, new Uint16Array(count), 0, 2 ** 16 - 1);
    case 'INT8':
      return narrow(span, new Int8Array(count), -(2 ** 7), 2 ** 7 - 1);
    case 'UINT8':
      return narrow(span, new Uint8Array(count), 0, 2 ** 8 - 1);
    case 'BOOL':
    case 'FP16':
    case 'BYTES':
      return undefined;
  }
}
