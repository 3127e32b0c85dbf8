import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Kinds of personal data that are found in texts. */
export const PII_KINDS = ['email', 'phone', 'card', 'iban', 'ssn', 'ip'] as const;

/** One of {@link PII_KINDS}. */
export type PiiKind = (typeof PII_KINDS)[number];

interface Rule {
  readonly pattern: RegExp;
  /** Holds what the pattern finds to what it cannot say. */
  readonly holds: (found: string) => boolean;
}

const digitsOf = (text: string): string => text.replace(/[^0-9]/g, '');

/** The check digit of payment cards. */
function hasLuhnSum(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index++) {
    const digit = Number(digits[digits.length - 1 - index]);
    const doubled = index % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** The check digits of account numbers: the number, read with letters as two digits, leaves 1 when divided by 97. */
function isIban(text: string): boolean {
  const plain = text.replace(/ /g, '').toUpperCase();
  let rest = 0;
  for (const character of plain.slice(4) + plain.slice(0, 4)) {
    const value = parseInt(character, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return plain.length >= 15 && plain.length <= 34 && rest === 1;
}

function isCard(text: string): boolean {
  const digits = digitsOf(text);
  return digits.length >= 13 && digits.length <= 19 && /[1-9]/.test(digits) && hasLuhnSum(digits);
}

function isPhone(text: string): boolean {
  const { length } = digitsOf(text);
  // With the digit that North America puts before its ten: times in seconds have as many digits as those.
  if (text.startsWith('1')) return length === 11;
  return length >= (text.startsWith('+') ? 8 : 10) && length <= 15;
}

function isSocialSecurity(text: string): boolean {
  const [area = '', group, serial] = text.split(/[- ]/);
  return area !== '000' && area !== '666' && area < '900' && group !== '00' && serial !== '0000';
}

const OCTET = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';

/**
 * Every repetition is bounded and none stands inside another, so that each place of a text is looked at a fixed number
 * of times whatever the text is. Longer forms come first: a card is no phone number.
 */
const RULES: { readonly [K in PiiKind]: Rule } = {
  email: {
    pattern: /[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,6}/gu,
    holds: () => true,
  },
  iban: {
    pattern: /(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,4})?(?![A-Za-z0-9])/g,
    holds: isIban,
  },
  card: { pattern: /(?<![0-9])[0-9](?:[ -]?[0-9]){12,18}(?![0-9])/g, holds: isCard },
  ssn: { pattern: /(?<![0-9-])[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}(?![0-9-])/g, holds: isSocialSecurity },
  ip: { pattern: new RegExp(`(?<![0-9.])${OCTET}(?:\\.${OCTET}){3}(?![0-9]|\\.[0-9])`, 'g'), holds: () => true },
  phone: {
    pattern:
      /(?<![\p{L}0-9+])(?:\+[0-9]|\(?0[0-9]|\([0-9]|1(?=[ .-]?\(?[2-9])|[2-9])(?:[ ./-]?[()]?[ ]?[0-9]){6,13}(?![\p{L}0-9])/gu,
    holds: isPhone,
  },
};

const ORDER: readonly PiiKind[] = ['email', 'iban', 'card', 'ssn', 'ip', 'phone'];

/** A text without personal data, and how much of each kind was in it. */
export interface Redacted {
  readonly text: string;
  readonly found: ReadonlyMap<PiiKind, number>;
}

/** The longest part of a match that holds: numbers are written in groups, and a group may belong to what follows. */
function partOf(match: string, holds: Rule['holds']): string | undefined {
  for (let part = match; part !== '';) {
    if (holds(part)) return part;
    const cut = Math.max(part.lastIndexOf(' '), part.lastIndexOf('-'));
    part = part.slice(0, Math.max(cut, 0));
  }
  return undefined;
}

/** It stops after each place, so that whoever drives it can let others have their turn. */
function* redactKind(text: string, kind: PiiKind): Generator<void, { readonly text: string; readonly count: number }> {
  const { pattern, holds } = RULES[kind];
  // A copy, because where it stands is kept in the pattern itself.
  const scan = new RegExp(pattern);
  const pieces: string[] = [];
  let [copied, count] = [0, 0];
  for (let match = scan.exec(text); match !== null; match = scan.exec(text)) {
    yield;
    const part = partOf(match[0], holds);
    // What does not hold as a whole may hide something that begins inside it.
    scan.lastIndex = match.index + (part?.length ?? 1);
    if (part === undefined) continue;
    pieces.push(text.slice(copied, match.index), `[${kind}]`);
    copied = scan.lastIndex;
    count += 1;
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

/** Puts the name of its kind in brackets where personal data was, and lets others work meanwhile. */
export async function redact(text: string, kinds: readonly PiiKind[]): Promise<Redacted> {
  const work = redacting(text, kinds);
  for (let until = performance.now() + TURN_MS; ;) {
    const { done, value } = work.next();
    if (done) return value;
    if (performance.now() < until) continue;
    await nextTurn();
    until = performance.now() + TURN_MS;
  }
}
