import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Kinds of personal data that are found in texts. */
export const PII_KINDS = ['email', 'phone', 'card', 'iban', 'ssn', 'ip'] as const;

/** One of {@link PII_KINDS}. */
export type PiiKind = (typeof PII_KINDS)[number];

interface Rule {
  /** Finds places; a group in it is what belongs to the place and stands before it. */
  readonly pattern: RegExp;
  /** Characters of what the pattern finds that hold, from the first on; 0 where none do. */
  readonly lengthOf: (found: string) => number;
}

/** Reads a number in one pass: groups may belong to what follows it, so that many of its parts are asked for. */
interface Reading {
  /** Takes a character that separates nothing, by its code. */
  readonly take: (code: number) => void;
  /** True where what was taken so far is a whole number of its kind. */
  readonly holds: () => boolean;
}

const [SPACE, HYPHEN, ZERO, NINE] = [0x20, 0x2d, 0x30, 0x39];
/** Makes capital letters small ones, and leaves digits as they are. */
const CASE = 0x20;
const LETTERS_FROM = 0x61 - 10;

/** The longest part of a match that holds. */
function longestPart(found: string, { take, holds }: Reading): number {
  let longest = 0;
  for (let index = 0; index < found.length; index++) {
    const code = found.charCodeAt(index);
    if (code !== SPACE && code !== HYPHEN) take(code);
    else if (holds()) longest = index;
  }
  return holds() ? found.length : longest;
}

/** 13 to 19 digits, the last of which is the check digit of payment cards. */
function cardLength(found: string): number {
  // Every other digit is doubled, counted from the end, which is not known yet: those in even places, or those in odd.
  let [count, even, odd, all] = [0, 0, 0, 0];
  const take = (code: number): void => {
    const digit = code - ZERO;
    const doubled = digit > 4 ? digit * 2 - 9 : digit * 2;
    even += count % 2 === 0 ? doubled : digit;
    odd += count % 2 === 0 ? digit : doubled;
    all += digit;
    count += 1;
  };
  const holds = (): boolean => count >= 13 && count <= 19 && all > 0 && (count % 2 === 0 ? even : odd) % 10 === 0;
  return longestPart(found, { take, holds });
}

/** The check digits of account numbers: the number, read with letters as two digits, leaves 1 when divided by 97. */
function ibanLength(found: string): number {
  let [count, head, rest] = [0, 0, 0];
  const take = (code: number): void => {
    const isDigit = code <= NINE;
    const value = isDigit ? code - ZERO : (code | CASE) - LETTERS_FROM;
    const before = count < 4 ? head : rest;
    const after = (before * (isDigit ? 10 : 100) + value) % 97;
    // Two letters and two digits come last.
    if (count < 4) head = after;
    else rest = after;
    count += 1;
  };
  const holds = (): boolean => count >= 15 && count <= 34 && (rest * 10 ** 6 + head) % 97 === 1;
  return longestPart(found, { take, holds });
}

function phoneLength(found: string): number {
  let count = 0;
  const take = (code: number): void => {
    if (code >= ZERO && code <= NINE) count += 1;
  };
  const least = found.startsWith('+') ? 8 : 10;
  // With the digit that North America puts before its ten: times in seconds have as many digits as those.
  const holds = found.startsWith('1') ? () => count === 11 : () => count >= least && count <= 15;
  return longestPart(found, { take, holds });
}

function socialSecurityLength(found: string): number {
  const [area = '', group, serial] = found.split(/[- ]/);
  const isGiven = area !== '000' && area !== '666' && area < '900' && group !== '00' && serial !== '0000';
  return isGiven ? found.length : 0;
}

const wholeLength = (found: string): number => found.length;

const OCTET = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';

/**
 * Every repetition is bounded and none stands inside another, so that each place of a text is looked at a fixed number
 * of times whatever the text is. Longer forms come first: a card is no phone number.
 */
const RULES: { readonly [K in PiiKind]: Rule } = {
  email: {
    // From the sign that every address has: looked for from its first character on, each of a long word would be tried.
    pattern: /@(?<=([\p{L}\p{N}._%+-]{1,64})@)[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,6}/gu,
    lengthOf: wholeLength,
  },
  iban: {
    pattern: /(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,4})?(?![A-Za-z0-9])/g,
    lengthOf: ibanLength,
  },
  card: { pattern: /(?<![0-9])[0-9](?:[ -]?[0-9]){12,18}(?![0-9])/g, lengthOf: cardLength },
  ssn: { pattern: /(?<![0-9-])[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}(?![0-9-])/g, lengthOf: socialSecurityLength },
  ip: { pattern: new RegExp(`(?<![0-9.])${OCTET}(?:\\.${OCTET}){3}(?![0-9]|\\.[0-9])`, 'g'), lengthOf: wholeLength },
  phone: {
    pattern:
      /(?<![\p{L}0-9+])(?:\+[0-9]|\(?0[0-9]|\([0-9]|1(?=[ .-]?\(?[2-9])|[2-9])(?:[ ./-]?[()]?[ ]?[0-9]){6,13}(?![\p{L}0-9])/gu,
    lengthOf: phoneLength,
  },
};

const ORDER: readonly PiiKind[] = ['email', 'iban', 'card', 'ssn', 'ip', 'phone'];

/** A text without personal data, and how much of each kind was in it. */
export interface Redacted {
  readonly text: string;
  readonly found: ReadonlyMap<PiiKind, number>;
}

/** Characters that are looked through at once where nothing is found. */
const WINDOW = 4096;
/** No match has so many characters, with what is looked at before and behind it. */
const REACH = 1024;

/** It stops after each place and each window, so that whoever drives it can let others have their turn. */
function* redactKind(text: string, kind: PiiKind): Generator<void, { readonly text: string; readonly count: number }> {
  const { pattern, lengthOf } = RULES[kind];
  // A copy, because where it stands is kept in the pattern itself.
  const scan = new RegExp(pattern);
  const pieces: string[] = [];
  let [copied, count] = [0, 0];
  for (let from = 0; from < text.length; from += WINDOW) {
    const base = Math.max(0, from - REACH);
    const window = text.slice(base, from + WINDOW + REACH);
    scan.lastIndex = Math.max(from, copied) - base;
    for (let match = scan.exec(window); match !== null; match = scan.exec(window)) {
      const place = base + match.index;
      if (place >= from + WINDOW) break;
      yield;
      const start = Math.max(place - (match[1]?.length ?? 0), copied);
      // What was taken for another one is no longer there.
      const isBare = match[1] !== undefined && start === place;
      const length = isBare ? 0 : lengthOf(match[0]);
      // What does not hold as a whole may hide something that begins inside it.
      scan.lastIndex = match.index + (length || 1);
      if (length === 0) continue;
      pieces.push(text.slice(copied, start), `[${kind}]`);
      copied = place + length;
      count += 1;
    }
    yield;
  }
  return { text: pieces.join('') + text.slice(copied), count };
}

function* redacting(text: string, kinds: readonly PiiKind[]): Generator<void, Redacted> {
  const found = new Map<PiiKind, number>();
  let result = text;
  for (const kind of ORDER) {
    if (!kinds.includes(kind)) continue;
    const { text: clean, count } = yield* redactKind(result, kind);
    if (count > 0) found.set(kind, count);
    result = clean;
  }
  return { text: result, found };
}

/** Milliseconds for which the thread of the sockets may be kept. */
const TURN_MS = 5;

/** What is left of a turn on the thread of the sockets. */
export class Turn {
  private until = performance.now() + TURN_MS;

  /** True once others wait for long enough. */
  get over(): boolean {
    return performance.now() >= this.until;
  }

  /** Begins with the next turn. */
  async next(): Promise<void> {
    await nextTurn();
    this.until = performance.now() + TURN_MS;
  }
}

/**
 * Puts the name of its kind in brackets where personal data was, and lets others work meanwhile.
 *
 * @param turn that texts share which are looked at one after another
 */
export async function redact(text: string, kinds: readonly PiiKind[], turn = new Turn()): Promise<Redacted> {
  const work = redacting(text, kinds);
  for (;;) {
    const { done, value } = work.next();
    if (turn.over) await turn.next();
    if (done) return value;
  }
}
