import { describe, expect, it } from 'vitest';
import { PII_KINDS, redact } from '../../../../runtime/inference/processing/steps/personal-data';
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

const clean = async (text: string, kinds: readonly PiiKind[] = PII_KINDS): Promise<string> =>
  (await redact(text, kinds)).text;

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
    const cost = async (length: number): Promise<number> => {
      const text = piece.repeat(Math.ceil(length / piece.length));
      const began = performance.now();
      await redact(text, PII_KINDS);
      return performance.now() - began;
    };
    await cost(1_000);
    // A pattern that goes back and forth takes 64 times as long for 8 times the text.
    expect(await cost(80_000)).toBeLessThan(32 * Math.max(await cost(10_000), 4));
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
