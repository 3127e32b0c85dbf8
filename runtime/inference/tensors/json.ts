import { isUtf8 } from 'node:buffer';
import { isInteger, parse as parseLossless } from 'lossless-json';
import secureJson from 'secure-json-parse';
import { badJson } from '../../shared/errors';
import { HTTP_LIMITS } from '../../shared/limits';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = [0x5b, 0x7b] as const;
const CLOSE = [0x5d, 0x7d] as const;
const ZERO = 0x30;
const NINE = 0x39;
/** Integers with fewer digits are exact as numbers. */
const LONG_DIGITS = 16;

interface Survey {
  readonly depth: number;
  /** True when a number may be too long to be exact. */
  readonly longNumbers: boolean;
}

/** Reads nesting and long numbers from the bytes, because `JSON.parse` bounds neither. */
function survey(body: Uint8Array): Survey {
  let depth = 0;
  let deepest = 0;
  let digits = 0;
  let longNumbers = false;
  let inString = false;
  for (let index = 0; index < body.length; index++) {
    const byte = body[index];
    if (inString) {
      if (byte === BACKSLASH) index++;
      else if (byte === QUOTE) inString = false;
      continue;
    }
    digits = byte !== undefined && byte >= ZERO && byte <= NINE ? digits + 1 : 0;
    if (digits >= LONG_DIGITS) longNumbers = true;
    if (byte === QUOTE) inString = true;
    else if (byte === OPEN[0] || byte === OPEN[1]) deepest = Math.max(deepest, ++depth);
    else if (byte === CLOSE[0] || byte === CLOSE[1]) depth--;
  }
  return { depth: deepest, longNumbers };
}

function exactNumber(text: string): number | bigint {
  const value = Number(text);
  return isInteger(text) && !Number.isSafeInteger(value) ? BigInt(text) : value;
}

/**
 * Parses a JSON body. Integers that a number cannot hold exactly become bigints.
 *
 * @throws RequestError for bytes that are not UTF-8, text that is not JSON, nesting beyond the limit, prototype keys
 */
export function parseJson(body: Uint8Array): unknown {
  if (!isUtf8(body)) throw badJson('the body is not UTF-8');
  const { depth, longNumbers } = survey(body);
  if (depth > HTTP_LIMITS.jsonDepth) throw badJson(`the body is nested deeper than ${HTTP_LIMITS.jsonDepth}`);
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  try {
    const value: unknown = secureJson.parse(text, undefined, { protoAction: 'error', constructorAction: 'error' });
    return longNumbers ? parseLossless(text, undefined, exactNumber) : value;
  } catch {
    throw badJson('the body is not acceptable JSON');
  }
}
