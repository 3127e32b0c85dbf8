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
/** Depth of `inputs[n]`, and the key of its elements. */
const INPUT = { depth: 3, list: 'inputs', key: 'data' } as const;
/** Integers with at most so many digits are exact as numbers. */
const EXACT_DIGITS = 15;
/** Characters of a number, at most. Each 64-bit float has less, written in full; a bigint takes the square of its length. */
export const MAX_NUMBER = 1_100;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const UNBOUNDED = { values: Number.POSITIVE_INFINITY, integers: Number.POSITIVE_INFINITY } as const;
/** What is read in a few hundredths of a second, where a body is read on the thread that owns the sockets. */
export const INLINE_MOST = { values: 200_000, integers: 2_000_000 } as const;
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

class Reader {
  private depth = 0;
  private rootKey: string | undefined;
  private values = 0;
  private integers = 0;
  /** Whether the elements of inputs are left unread. */
  private readonly spans: boolean;
  private readonly most: { readonly values: number; readonly integers: number };

  constructor(
    private readonly body: Buffer,
    private place: number,
    private readonly end: number,
    { spans = false, most = UNBOUNDED }: JsonOptions = {},
  ) {
    this.spans = spans;
    this.most = most;
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
    if (startsNumber(byte)) return this.integer() ?? this.number();
    if (byte === QUOTE) return this.text();
    this.count();
    if (byte === OPEN_OBJECT) return this.nested(() => this.object());
    if (byte === OPEN_LIST) return this.nested(() => this.list());
    return this.literal();
  }

  private count(): void {
    if (++this.values > this.most.values) throw new TooMuchJson('values', this.most.values);
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
    const isElements = key === INPUT.key && this.depth === INPUT.depth && this.rootKey === INPUT.list;
    if (this.spans && isElements && this.next() === OPEN_LIST) {
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
    const span = new NumberSpan(this.body, this.place + 1, end);
    this.place = end + 1;
    return span;
  }

  private list(): unknown[] {
    const list: unknown[] = [];
    if (this.next() === CLOSE_LIST) return this.close(list);
    for (;;) {
      list.push(this.value());
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

  /** A short integer without a sign, as tokens are: there may be millions, and each goes without a text of its own. */
  private integer(): number | undefined {
    const { body, end, place: start } = this;
    let place = start;
    let value = 0;
    let byte = body[place] ?? 0;
    while (place < end && byte >= ZERO && byte <= NINE) {
      value = value * 10 + byte - ZERO;
      byte = body[++place] ?? 0;
    }
    const digits = place - start;
    if (digits === 0 || digits > EXACT_DIGITS || (digits > 1 && body[start] === ZERO)) return undefined;
    if (place < end && continuesNumber(byte)) return undefined;
    this.place = place;
    if (++this.integers > this.most.integers) throw new TooMuchJson('integers', this.most.integers);
    return value;
  }

  private number(): number | bigint {
    this.count();
    const start = this.place;
    while (this.place < this.end && continuesNumber(this.body[this.place] ?? 0)) this.place++;
    const found = this.body.toString('latin1', start, this.place);
    if (found.length > MAX_NUMBER) throw badJson(`a number has ${found.length} characters, beyond ${MAX_NUMBER}`);
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
   * Leaves flat numeric `data` of `inputs[n]` as a {@link NumberSpan}.
   * @default false
   */
  readonly spans?: boolean;
  /**
   * Values and keys that are read at most, and short integers beside them: a body has room for millions, and each takes its
   * part of the time in which nobody else is answered.
   * @default - as many as there are
   */
  readonly most?: { readonly values: number; readonly integers: number } | undefined;
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
