import fc from 'fast-check';
import { expect, it } from 'vitest';
import { INFERENCE_ENV, toEnv } from '../../runtime/contract';
import type { InferenceSetting } from '../../runtime/contract';

const settings = fc.dictionary(
  fc.constantFrom(...(Object.keys(INFERENCE_ENV) as InferenceSetting[])),
  fc.string(),
) as fc.Arbitrary<Partial<Record<InferenceSetting, string>>>;

it('writes each setting under its own name, and nothing else, in the order of the table', () => {
  fc.assert(
    fc.property(settings, (given) => {
      const env = toEnv(INFERENCE_ENV, given);
      const names = (Object.keys(INFERENCE_ENV) as InferenceSetting[]).filter((key) => given[key] !== undefined);
      expect(Object.entries(env)).toEqual(names.map((key) => [INFERENCE_ENV[key].name, given[key]]));
    }),
  );
});
