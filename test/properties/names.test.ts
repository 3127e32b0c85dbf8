import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LnmtError } from '../../constructs/errors';
import { KUBERNETES_NAMES, legalName } from '../../constructs/names';
import type { NameRule } from '../../constructs/names';

/** What a person may type: any script, any punctuation, with and without a usable character. */
const part = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 80 }),
  fc.stringMatching(/^[a-z0-9-]{1,40}$/),
  fc.stringMatching(/^[a-z]{1,4}-[0-9a-f]{10}$/),
);
const usable = part.filter((text) => /[A-Za-z0-9]/.test(text));
const rule: fc.Arbitrary<NameRule> = fc.record({
  maxLength: fc.integer({ min: 16, max: 120 }),
  separator: fc.constantFrom('-' as const, '_' as const, '' as const),
  upperCase: fc.boolean(),
  letterFirst: fc.boolean(),
});

describe('legalName', () => {
  it('is legal for every input that holds a letter or a digit', () => {
    fc.assert(
      fc.property(rule, fc.array(usable, { minLength: 1, maxLength: 4 }), (each, parts) => {
        const name = legalName(each, parts);
        const letters = each.upperCase ? 'A-Za-z' : 'a-z';
        expect(name.length).toBeLessThanOrEqual(each.maxLength);
        expect(name).toMatch(new RegExp(`^[${letters}0-9${each.separator ?? '-'}]+$`));
        if (each.letterFirst) expect(name).toMatch(/^[A-Za-z]/);
        if (each.separator) expect(name.startsWith(each.separator) || name.endsWith(each.separator)).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives different names to different lists of equally many parts', () => {
    const pair = fc
      .integer({ min: 1, max: 3 })
      .chain((size) => {
        const list = fc.array(usable, { minLength: size, maxLength: size });
        return fc.tuple(list, list);
      })
      .filter(([a, b]) => JSON.stringify(a) !== JSON.stringify(b));
    fc.assert(
      fc.property(rule, pair, (each, [a, b]) => {
        expect(legalName(each, a)).not.toBe(legalName(each, b));
      }),
      { numRuns: 3000 },
    );
  });

  it('gives different names to near twins: another case, another separator, a hash for a name', () => {
    const twins = usable.chain((text) =>
      fc.constantFrom(
        [text, text.toUpperCase()],
        [text, `${text}-`],
        [text, text.replaceAll('-', '_')],
        [text, legalName({ maxLength: 40 }, [text])],
        [`${text}-a`, `${text}a`],
      ),
    );
    fc.assert(
      fc.property(twins, ([a = '', b = '']) => {
        if (a === b) return;
        expect(legalName({ maxLength: 40 }, [a])).not.toBe(legalName({ maxLength: 40 }, [b]));
      }),
      { numRuns: 2000 },
    );
  });

  it('leaves alone what fits', () => {
    const label = fc.stringMatching(/^[a-z]([a-z]{0,20}[a-z])?$/);
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 2 }), (parts) => {
        expect(legalName(KUBERNETES_NAMES.label, parts)).toBe(parts.join('-'));
      }),
    );
  });

  it('refuses exactly what holds no letter and no digit', () => {
    fc.assert(
      fc.property(part, (text) => {
        const refused = !/[A-Za-z0-9]/.test(text.toLowerCase());
        try {
          legalName(KUBERNETES_NAMES.label, [text]);
          expect(refused).toBe(false);
        } catch (error) {
          expect(LnmtError.isLnmtError(error) && error.code).toBe('LNMT1001');
          expect(refused).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
