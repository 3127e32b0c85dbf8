import { isUtf8 } from 'node:buffer';
import { badJson, RequestError, SERVER_ERRORS } from '../../shared/errors';
import { HTTP_LIMITS } from '../../shared/limits';

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20;
const ASCII_END = 0x80;
/** Key of the elements of a tensor. */
const ELEMENTS = 'data';
/** Integers with at most so many digits are exact as numbers. */
const EXACT_DIGITS = 15;
/** Exact powers of ten: a number of {@link EXACT_DIGITS} divided by one of them is rounded once, as it should be. */
const POWERS = Float64Array.from({ length: EXACT_DIGITS }, (_, exponent) => Number(`1e${exponent}`));
/** Characters of a number, at most. Each 64-bit float has less, written in full; a bigint takes the square of its length. */
export const MAX_NUMBER = 1_100;
/** Characters of a 64-bit float or integer, at most, as programs write them: a longer number counts as several values. */
const USUAL_NUMBER = 25;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** What is read in a few hundredths of a second, where a body is read on the thread that owns the sockets. */
export const INLINE_MOST = { values: 32_768, numbers: 500_000, spanBytes: 2 ** 21 } as const satisfies JsonBounds;
const PLUS = 0x2b;
const DOT = 0x2e;
const LETTER_E = 0x65;
const TO_LOWER = 0x20;

/** More of a body than may be read at once. */
export class TooMuchJson extends RequestError {
  constructor(what: string, most: number) {
    const message = `the body has more than ${most} ${what}; send fewer at once, and tensors over GraphQL as raw`;
    super('LNMT8011', SERVER_ERRORS.LNMT8011, message);
  }
}

/** A flat list of numbers that was not read yet: its datatype says how to read it without a value for each element. */
export class NumberSpan {
  constructor(
    private readonly body: Buffer,
    /** Place of the first byte after the opening bracket. */
    readonly start: number,
    /** Place of the closing bracket. */
    readonly end: number,
  ) {}

  /** The bytes that hold the numbers. */
  get bytes(): Buffer {
    return this.body;
  }

  /** How many there are, if they are numbers: one more than there are commas. */
  get count(): number {
    let count = 1;
    for (let place = this.start; place < this.end; place++) if (this.body[place] === COMMA) count++;
    return count;
  }

  /** What stands for it where a value is shown. */
  toJSON(): string {
    return '[numbers]';
  }

  /** The numbers as values. @throws RequestError as {@link parseJson} */
  values(most?: JsonOptions['most']): readonly unknown[] {
    return new Reader(this.body, this.start - 1, this.end + 1, { most }).whole() as readonly unknown[];
  }
}

const isSpace = (byte: number | undefined): boolean =>
  byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** Whether a number of JSON may begin with this byte. */
export const startsNumber = (byte: number | undefined): boolean =>
  byte === MINUS || (byte !== undefined && byte >= ZERO && byte <= NINE);

const continuesNumber = (byte: number): boolean =>
  (byte >= ZERO && byte <= NINE) || byte === MINUS || byte === PLUS || byte === DOT || (byte | TO_LOWER) === LETTER_E;

const LITERALS: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

/** How much of a body may be read at once. @default - as much as there is */
export interface JsonBounds {
  /** Values and keys. */
  readonly values?: number;
  /** Plain numbers of up to 15 digits, each of which takes a twentieth of the time of another value. */
  readonly numbers?: number;
  /** Bytes of all lists that are left as a {@link NumberSpan}. */
  readonly spanBytes?: number;
}

const UNBOUNDED: Required<JsonBounds> = {
  values: Number.POSITIVE_INFINITY,
  numbers: Number.POSITIVE_INFINITY,
  spanBytes: Number.POSITIVE_INFINITY,
};

class Reader {
  private depth = 0;
  private rootKey = '';
  private values = 0;
  private numbers = 0;
  /** The number that {@link readShort} has read. */
  private short = 0;
  private readonly spans: JsonOptions['spans'];
  private spanBytes = 0;
  private readonly most: Required<JsonBounds>;

  constructor(
    private readonly body: Buffer,
    private place: number,
    private readonly end: number,
    { spans, most = {} }: JsonOptions = {},
  ) {
    this.spans = spans;
    this.most = { ...UNBOUNDED, ...most };
  }

  whole(): unknown {
    const value = this.value();
    this.skipSpace();
    if (this.place !== this.end) this.fail();
    return value;
  }

  private fail(): never {
    throw badJson('the body is not acceptable JSON');
  }

  private skipSpace(): void {
    while (this.place < this.end && isSpace(this.body[this.place])) this.place++;
  }

  private next(): number | undefined {
    this.skipSpace();
    return this.place < this.end ? this.body[this.place] : undefined;
  }

  private value(): unknown {
    const byte = this.next();
    if (startsNumber(byte)) return this.readShort() ? this.short : this.number();
    if (byte === QUOTE) return this.text();
    this.count();
    if (byte === OPEN_OBJECT) return this.nested(() => this.object());
    if (byte === OPEN_LIST) return this.nested(() => this.list());
    return this.literal();
  }

  private count(values = 1): void {
    if ((this.values += values) > this.most.values) throw new TooMuchJson('values', this.most.values);
  }

  private nested<T>(read: () => T): T {
    // Recursion is bounded here, which `JSON.parse` leaves to the stack.
    if (++this.depth > HTTP_LIMITS.jsonDepth) throw badJson(`the body is nested deeper than ${HTTP_LIMITS.jsonDepth}`);
    this.place++;
    const value = read();
    this.depth--;
    return value;
  }

  private object(): Record<string, unknown> {
    const object = Object.create(null) as Record<string, unknown>;
    if (this.next() === CLOSE_OBJECT) return this.close(object);
    for (;;) {
      if (this.next() !== QUOTE) this.fail();
      const key = this.text();
      if (key === '__proto__') this.fail();
      // The last of two would win here and the first elsewhere: what one system checked, another would run.
      if (key in object) throw badJson(`the body has the key ${JSON.stringify(key.slice(0, 40))} twice`);
      if (this.next() !== COLON) this.fail();
      this.place++;
      if (this.depth === 1) this.rootKey = key;
      object[key] = this.member(key);
      const byte = this.next();
      if (byte === CLOSE_OBJECT) return this.close(object);
      if (byte !== COMMA) this.fail();
      this.place++;
    }
  }

  private member(key: string): unknown {
    if (key === ELEMENTS && this.spans?.(this.depth, this.rootKey) === true && this.next() === OPEN_LIST) {
      const span = this.span();
      if (span !== undefined) return span;
    }
    const value = this.value();
    if (key === 'constructor' && typeof value === 'object' && value !== null && 'prototype' in value) this.fail();
    return value;
  }

  private span(): NumberSpan | undefined {
    let start = this.place + 1;
    while (isSpace(this.body[start])) start++;
    if (!startsNumber(this.body[start])) return undefined;
    const end = this.body.indexOf(CLOSE_LIST, start);
    if (end < 0 || end >= this.end) this.fail();
    this.spanBytes += end - start;
    if (this.spanBytes > this.most.spanBytes) throw new TooMuchJson('bytes of flat numbers', this.most.spanBytes);
    const span = new NumberSpan(this.body, this.place + 1, end);
    this.place = end + 1;
    return span;
  }

  private list(): unknown[] {
    const list: unknown[] = [];
    if (this.next() === CLOSE_LIST) return this.close(list);
    for (;;) {
      // Straight from a field: a number that a function returns is an object of its own, which takes half of the time.
      if (startsNumber(this.next()) && this.readShort()) list.push(this.short);
      else list.push(this.value());
      const byte = this.next();
      if (byte === CLOSE_LIST) return this.close(list);
      if (byte !== COMMA) this.fail();
      this.place++;
    }
  }

  private close<T>(value: T): T {
    this.place++;
    return value;
  }

  private text(): string {
    this.count();
    const start = ++this.place;
    let plain = true;
    for (; this.place < this.end; this.place++) {
      const byte = this.body[this.place] ?? 0;
      if (byte === QUOTE) break;
      if (byte < SPACE) this.fail();
      if (byte === BACKSLASH) this.place++;
      if (byte === BACKSLASH || byte >= ASCII_END) plain = false;
    }
    if (this.place >= this.end) this.fail();
    this.place++;
    return plain ? this.body.toString('latin1', start, this.place - 1) : this.escaped(start - 1);
  }

  private escaped(start: number): string {
    try {
      return JSON.parse(this.body.toString('utf8', start, this.place)) as string;
    } catch {
      return this.fail();
    }
  }

  /** A plain number of few digits, as tokens and most features are: there may be many, and none is made a text first. */
  private readShort(): boolean {
    const { body, end } = this;
    const negative = body[this.place] === MINUS;
    const first = negative ? this.place + 1 : this.place;
    let place = first;
    let sum = 0;
    let point = -1;
    let byte = 0;
    for (; place < end; place++) {
      byte = body[place] ?? 0;
      if (byte >= ZERO && byte <= NINE) sum = sum * 10 + byte - ZERO;
      else if (byte === DOT && point < 0) point = place;
      else break;
    }
    const whole = (point < 0 ? place : point) - first;
    const fraction = point < 0 ? 0 : place - point - 1;
    const isPlain = whole > 0 && (whole === 1 || body[first] !== ZERO) && (point < 0 || fraction > 0);
    if (!isPlain || whole + fraction > EXACT_DIGITS || (place < end && continuesNumber(byte))) return false;
    this.place = place;
    if (++this.numbers > this.most.numbers) throw new TooMuchJson('numbers', this.most.numbers);
    const size = fraction === 0 ? sum : sum / (POWERS[fraction] ?? 1);
    this.short = negative ? -size : size;
    return true;
  }

  private number(): number | bigint {
    const start = this.place;
    while (this.place < this.end && continuesNumber(this.body[this.place] ?? 0)) this.place++;
    const found = this.body.toString('latin1', start, this.place);
    if (found.length > MAX_NUMBER) throw badJson(`a number has ${found.length} characters, beyond ${MAX_NUMBER}`);
    this.count(Math.ceil(found.length / USUAL_NUMBER));
    if (!NUMBER.test(found)) this.fail();
    const value = Number(found);
    const isWhole = found.length > EXACT_DIGITS && /^-?\d+$/.test(found);
    return isWhole && !Number.isSafeInteger(value) ? BigInt(found) : value;
  }

  private literal(): unknown {
    for (const [word, value] of LITERALS) {
      if (
        this.place + word.length <= this.end &&
        this.body.toString('latin1', this.place, this.place + word.length) === word
      ) {
        this.place += word.length;
        return value;
      }
    }
    return this.fail();
  }
}

/** How {@link parseJson} reads. */
export interface JsonOptions {
  /**
   * Where flat numeric `data` is left as a {@link NumberSpan}, by the depth of the object that it is a member of, from 1,
   * and the key of the body that leads there.
   * @default - nowhere
   */
  readonly spans?: (depth: number, rootKey: string) => boolean;
  /** A body has room for millions of values, and while they are read nobody else is answered. @default - no bounds */
  readonly most?: JsonBounds | undefined;
}

/**
 * Parses a JSON body as `JSON.parse` does, but for what follows: objects have no prototype, integers that a number
 * cannot hold exactly become bigints, and what the reader refuses is refused.
 *
 * @throws RequestError for bytes that are not UTF-8, text that is not JSON, nesting or values beyond the limits, keys that
 * repeat, and prototype keys
 */
export function parseJson(body: Uint8Array, options?: JsonOptions): unknown {
  if (!isUtf8(body)) throw badJson('the body is not UTF-8');
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return new Reader(buffer, 0, buffer.length, options).whole();
}
