import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PII_KINDS, redact, Turn } from '../../../../runtime/inference/processing/steps/personal-data';
import type { PiiKind } from '../../../../runtime/inference/processing/steps/personal-data';

const SEED = 20_260_817;

/** Numbers below a bound, the same in each run. */
function generator(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

const next = generator(SEED);
const digits = (count: number): string => Array.from({ length: count }, () => next(10)).join('');
const pick = <T>(list: readonly [T, ...T[]]): T => list[next(list.length)] ?? list[0];
const letters = (count: number): string =>
  Array.from({ length: count }, () => String.fromCharCode(97 + next(26))).join('');

function card(): string {
  const body = `${pick(['4', '51', '37', '6011'])}${digits(14)}`.slice(0, 15);
  const sum = [...body].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  const whole = `${body}${(10 - (sum % 10)) % 10}`;
  const separator = pick(['', ' ', '-']);
  return (whole.match(/.{4}/g) ?? []).join(separator);
}

function iban(): string {
  const [country, length] = pick<readonly [string, number]>([
    ['DE', 18],
    ['GB', 18],
    ['FR', 23],
    ['NL', 14],
    ['AT', 16],
  ]);
  const account = digits(length);
  const asDigits = [...`${account}${country}00`].map((each) => parseInt(each, 36)).join('');
  const check = String(98n - (BigInt(asDigits) % 97n)).padStart(2, '0');
  const plain = `${country}${check}${account}`;
  return pick([plain, (plain.match(/.{1,4}/g) ?? []).join(' ')]);
}

const MAKERS: { readonly [K in PiiKind]: () => string } = {
  email: () => `${letters(5)}${pick(['.', '_', '+', '-'])}${letters(4)}@${letters(6)}.${pick(['com', 'co.uk', 'org'])}`,
  phone: () =>
    pick([
      () => `+${1 + next(98)} ${200 + next(700)} ${digits(3)} ${digits(4)}`,
      () => `+49 (0)30 ${digits(8)}`,
      () => `(${200 + next(700)}) ${200 + next(700)}-${digits(4)}`,
      () => `${200 + next(700)}-${200 + next(700)}-${digits(4)}`,
      () => `030/${1 + next(8)}${digits(7)}`,
    ])(),
  card,
  iban,
  ssn: () => `${String(100 + next(500)).padStart(3, '0')}-${11 + next(80)}-${1000 + next(8999)}`,
  ip: () => [1 + next(223), next(256), next(256), next(256)].join('.'),
};
const FRAMES = ['Contact: #', 'it was #, they said', '(#)', 'see # for more.', '#'] as const;

const CORPUS = Array.from({ length: 600 }, (_, index) => {
  const kind = PII_KINDS[index % PII_KINDS.length] ?? 'email';
  const secret = MAKERS[kind]();
  return { kind, secret, text: pick(FRAMES).replace('#', secret) };
});

/** Texts without personal data, some of which look alike. */
const HARMLESS = Array.from({ length: 600 }, (_, index) => {
  const makers = [
    () => `The model has ${next(1_000_000)} parameters and ${next(100)} layers.`,
    () =>
      `Order ${digits(6)} of ${2000 + next(30)}-0${1 + next(9)}-1${next(10)} costs ${next(1000)}.${digits(2)} euros.`,
    () => `version ${next(20)}.${next(20)}.${next(20)}`,
    () => `at 12:${10 + next(50)}:${10 + next(50)} we saw ${letters(6)} @ ${letters(4)}`,
    () => `commit ${letters(7)} in ${letters(5)}.${letters(3)}, lines ${next(300)}-${300 + next(300)}`,
    () => `pi is 3.14159 and e is 2.71828, 1e-${next(9)}, [${next(9)}, ${next(9)}, ${next(9)}]`,
  ];
  return makers[index % makers.length]?.() ?? '';
});

const luhn = (number: string): boolean =>
  [...number].reverse().reduce((sum, digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 1 : 2);
    return sum + (value > 9 ? value - 9 : value);
  }, 0) %
    10 ===
  0;
const remainder = (text: string): bigint =>
  BigInt([...text.slice(4), ...text.slice(0, 4)].map((each) => parseInt(each, 36)).join('')) % 97n;
const OCTET = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const counted = (text: string): number => text.replace(/[^0-9]/g, '').length;

/** What personal data is, in the order in which it is taken out, said without a thought of what it costs. */
const DEFINITION: readonly (readonly [PiiKind, RegExp, (part: string) => boolean])[] = [
  [
    'email',
    /[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,6}/gu,
    (part) => part.includes('@'),
  ],
  [
    'iban',
    /(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,4})?(?![A-Za-z0-9])/g,
    (part) => /^.{15,34}$/.test(part.replace(/ /g, '')) && remainder(part.replace(/ /g, '')) === 1n,
  ],
  [
    'card',
    /(?<![0-9])[0-9](?:[ -]?[0-9]){12,18}(?![0-9])/g,
    (part) => counted(part) >= 13 && /[1-9]/.test(part) && luhn(part.replace(/[ -]/g, '')),
  ],
  [
    'ssn',
    /(?<![0-9-])[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}(?![0-9-])/g,
    (part) => /^(?!000|666|9)...[- ](?!00)..[- ](?!0000)....$/.test(part),
  ],
  ['ip', new RegExp(`(?<![0-9.])${OCTET}(?:\\.${OCTET}){3}(?![0-9]|\\.[0-9])`, 'g'), () => true],
  [
    'phone',
    /(?<![\p{L}0-9+])(?:\+[0-9]|\(?0[0-9]|\([0-9]|1(?=[ .-]?\(?[2-9])|[2-9])(?:[ ./-]?[()]?[ ]?[0-9]){6,13}(?![\p{L}0-9])/gu,
    (part) =>
      part.startsWith('1')
        ? counted(part) === 11
        : counted(part) >= (part.startsWith('+') ? 8 : 10) && counted(part) <= 15,
  ],
];

/** The first characters of a match that hold, as many as there are; numbers are written in groups. */
const firstPart = (match: string, holds: (part: string) => boolean): string =>
  [match.length, ...[...match.matchAll(/[ -]/g)].map(({ index }) => index).reverse()]
    .map((end) => match.slice(0, end))
    .find((part) => part !== '' && holds(part)) ?? '';

function byDefinition(text: string): string {
  let result = text;
  for (const [kind, pattern, holds] of DEFINITION) {
    const rest = new RegExp(pattern);
    let [from, done] = [0, ''];
    for (let match = rest.exec(result); match !== null; match = rest.exec(result)) {
      const part = firstPart(match[0], holds);
      if (part !== '') {
        done += `${result.slice(from, match.index)}[${kind}]`;
        from = match.index + part.length;
      }
      rest.lastIndex = match.index + (part.length || 1);
    }
    result = done + result.slice(from);
  }
  return result;
}

const clean = async (text: string, kinds: readonly PiiKind[] = PII_KINDS): Promise<string> =>
  (await redact(text, kinds)).text;

/** Milliseconds of a processor: other work beside this one counts for nothing. */
async function costOf(text: string): Promise<number> {
  const before = process.cpuUsage();
  await redact(text, PII_KINDS);
  return process.cpuUsage(before).user / 1000;
}

describe(`personal data in texts (seed ${SEED})`, () => {
  it('is found, all of it, in 600 texts', async () => {
    for (const { text, secret } of CORPUS) expect(await clean(text)).not.toContain(secret);
  });

  it('is taken out whole: no digit of it is left', async () => {
    for (const { text, secret } of CORPUS) {
      const frame = text.replace(secret, '');
      if (!/[0-9]/.test(frame)) expect(await clean(text), text).not.toMatch(/[0-9]{3}/);
    }
  });

  it('is named by its kind where it has a form of its own', async () => {
    for (const { kind, text } of CORPUS.filter((each) => each.kind !== 'phone')) {
      expect(await clean(text), text).toContain(`[${kind}]`);
    }
  });

  it('is seen in at most one of a hundred texts that have none', async () => {
    const results = await Promise.all(HARMLESS.map((text) => redact(text, PII_KINDS)));
    expect(results.filter(({ found }) => found.size > 0).length).toBeLessThanOrEqual(6);
  });

  it('stays where nobody asked for its kind', async () => {
    for (const { kind, secret, text } of CORPUS.slice(0, 60)) {
      expect(await clean(text, [])).toBe(text);
      expect(await clean(text, [kind])).not.toContain(secret);
    }
  });

  it.each<[string, PiiKind, string]>([
    ['4111 1111 1111 1112', 'card', '4111 1111 1111 1112'],
    ['4111 1111 1111 1111', 'card', '[card]'],
    ['DE89370400440532013001', 'iban', 'DE89370400440532013001'],
    ['DE89 3704 0044 0532 0130 00', 'iban', '[iban]'],
    ['000-12-3456 666-12-3456 900-12-3456', 'ssn', '000-12-3456 666-12-3456 900-12-3456'],
    ['123-00-1234 123-45-0000', 'ssn', '123-00-1234 123-45-0000'],
    ['256.1.1.1', 'ip', '256.1.1.1'],
    ['14155552671, 1-415-555-2671', 'phone', '[phone], [phone]'],
    ['at 1764412800 or 1764412800123', 'phone', 'at 1764412800 or 1764412800123'],
    [`${'_'.repeat(80)}ann@example.org`, 'email', `${'_'.repeat(19)}[email]`],
    ['AT61 1904 3002 3457 3201 DE89 3704 0044 0532 0130 00 for', 'iban', '[iban] [iban] for'],
    [
      '4111 1111 1111 1111 12/27, 4111-1111-1111-1112 5500 0055 5555 5559',
      'card',
      '[card] 12/27, 4111-1111-1111-1112 [card]',
    ],
  ])('is told by check digits, beside other numbers and its like: %s', async (text, kind, expected) => {
    expect(await clean(text, [kind])).toBe(expected);
  });

  it.each([
    ...['a', 'a.', '1', '1 ', '1-', '+1', 'A1', 'AA11', '1.', '(1', 'a@', '@', 'a@a.', '[', '4111 1111 1111 '],
    ...['DE89 ', ' ', 'ä', '1.1.1.', '0', '00 00 '],
  ])('costs time with the length of a text and no more: %j again and again', async (piece) => {
    const cost = (length: number): Promise<number> => costOf(piece.repeat(Math.ceil(length / piece.length)));
    await cost(1_000);
    // A pattern that goes back and forth takes 64 times as long for 8 times the text.
    expect(await cost(80_000)).toBeLessThan(32 * Math.max(await cost(10_000), 4));
  });

  it.each(['a', '1 ', 'AB12 ', 'a@b.', '4111 1111 1111 1111 '])(
    'lets others have their turn after each few thousand characters, found or not: %j again and again',
    async (piece) => {
      let turns = 0;
      class Short extends Turn {
        override get over(): boolean {
          return true;
        }
        override next(): Promise<void> {
          turns += 1;
          return Promise.resolve();
        }
      }
      const text = piece.repeat(100_000 / piece.length);
      for (const kind of PII_KINDS) await redact(text, [kind], new Short());
      expect(turns).toBeGreaterThan((PII_KINDS.length * 100_000) / 10_000);
    },
  );

  it.each(['1 ', '1-', 'AB12 '])('reads a number once at each place: %j again and again', async (piece) => {
    const text = piece.repeat(20_000 / piece.length);
    await costOf(text.slice(0, 1_000));
    expect(await costOf(text)).toBeLessThan(300);
  });

  it('is what its definition says, over the edges of what is looked at in one turn too (seed 7)', async () => {
    const pieces = [
      ...['a', 'é', '𝒜', 'B', '1', '4', '0', '00', '-', ' ', '.', '@', '+', '(', ')', '/', '_'],
      ...['@b.cd', 'ann@example.org', '4111 1111 1111 1111', '4111-1111', 'DE89 3704 0044 0532 0130 00', 'GB82WEST'],
      ...['123-45-6789', '123-45-0000', '000-12-3456', '1.2.3.4', '255', '+49 30 ', '(212) 555-', '1-415-555-2671'],
    ];
    const before = fc.oneof(
      fc.constant(''),
      fc.nat(40).map((less) => 'x '.repeat(2048).slice(less)),
    );
    const text = fc.array(fc.constantFrom(...pieces), { maxLength: 24 }).map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(before, text, async (start, end) => {
        expect(await clean(start + end)).toBe(byDefinition(start + end));
      }),
      { seed: 7, numRuns: 3_000 },
    );
  });

  it('keeps the thread for no more than a moment while it is looked for', async () => {
    const text = '4111 1111 1111 '.repeat(20_000);
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    await redact(text, PII_KINDS);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });
});
