import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { INFERENCE_ENV, toEnv } from '../../../runtime/contract';
import type { EnvVariable } from '../../../runtime/contract';
import { EnvError, readEnv } from '../../../runtime/shared/env';
import type { EnvValues } from '../../../runtime/shared/env';

const TABLE = {
  name: { name: 'NAME', kind: 'string', doc: 'A name.' },
  note: { name: 'NOTE', kind: 'string', doc: 'A note.', optional: true },
  count: { name: 'COUNT', kind: 'integer', doc: 'A count.', min: -5, max: 9, default: '3' },
  wait: { name: 'WAIT', kind: 'duration', doc: 'A wait.', default: '1.5' },
  size: { name: 'SIZE', kind: 'bytes', doc: 'A size.', min: 1, default: '10' },
  on: { name: 'ON', kind: 'boolean', doc: 'A switch.', default: 'false' },
  level: { name: 'LEVEL', kind: 'enum', values: ['low', 'high'], doc: 'A level.', default: 'low' },
  hosts: { name: 'HOSTS', kind: 'list', doc: 'Hosts.', optional: true },
} as const satisfies Record<string, EnvVariable>;

const text = fc.string({ minLength: 1, maxLength: 20 }).filter((value) => !value.includes(','));
const entry = text.filter((value) => value.trim() === value);

function valueOf(row: EnvVariable): fc.Arbitrary<unknown> {
  const { min = 0, max = Math.max(min, 1_000_000) + 1 } = row;
  switch (row.kind) {
    case 'integer':
    case 'bytes':
      return fc.integer({ min, max });
    case 'duration':
      return fc.integer({ min: Math.ceil(min * 1000), max: max * 1000 }).map((thousandths) => thousandths / 1000);
    case 'boolean':
      return fc.boolean();
    case 'enum':
      return fc.constantFrom(...(row.values ?? []));
    case 'list':
      return fc.array(row.values ? fc.constantFrom(...row.values) : entry, { minLength: 1, maxLength: 4 });
    case 'string':
      return text;
  }
}

function valuesOf<T extends Record<string, EnvVariable>>(table: T): fc.Arbitrary<EnvValues<T>> {
  const required: string[] = [];
  const arbitraries: Record<string, fc.Arbitrary<unknown>> = {};
  for (const [key, row] of Object.entries<EnvVariable>(table)) {
    arbitraries[key] = valueOf(row);
    if (!row.optional) required.push(key);
  }
  return fc.record(arbitraries, { requiredKeys: required }).map((values) => ({ ...values }) as EnvValues<T>);
}

/** Values as manifests write them. */
const textsOf = (values: object): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)]));

const problemsOf = (env: Record<string, string>): readonly string[] => {
  try {
    readEnv(TABLE, env);
  } catch (error) {
    if (error instanceof EnvError) return error.problems;
  }
  return [];
};

describe('reading the environment', () => {
  it.each([
    ['a table of every kind', TABLE],
    ['the settings of the inference server', INFERENCE_ENV],
  ])('gives back what was written, for %s', (_title, table: Record<string, EnvVariable>) => {
    fc.assert(
      fc.property(valuesOf(table), (values) => {
        expect(readEnv(table, toEnv(table, textsOf(values)))).toEqual(values);
      }),
    );
  });

  it('takes no blanks around the entries of a list for parts of them', () => {
    expect(readEnv(TABLE, { NAME: 'a', HOSTS: ' a, b b ,c' }).hosts).toEqual(['a', 'b b', 'c']);
    expect(readEnv({ auth: INFERENCE_ENV.auth }, { LNMT_AUTH: 'api-keys, jwt' }).auth).toEqual(['api-keys', 'jwt']);
  });

  it('takes defaults for what is unset or empty, and leaves optional settings out', () => {
    expect(readEnv(TABLE, { NAME: 'a', NOTE: '', COUNT: '' })).toEqual({
      name: 'a',
      count: 3,
      wait: 1.5,
      size: 10,
      on: false,
      level: 'low',
    });
  });

  it('reports every problem at once, each with the variable and what it takes', () => {
    expect(problemsOf({ COUNT: '10', WAIT: '-1', SIZE: '0', ON: 'yes', LEVEL: 'mid' })).toEqual([
      'NAME is not set; A name.',
      'COUNT is "10"; give an integer from -5 to 9',
      'WAIT is "-1"; give a duration in seconds',
      'SIZE is "0"; give a size in bytes from 1',
      'ON is "yes"; give true or false',
      'LEVEL is "mid"; give one of low, high',
    ]);
  });

  it.each(['1e3', '0x10', ' 1', '1.5', 'NaN', '٣', '9'.repeat(400)])('refuses %s as an integer', (value) => {
    expect(problemsOf({ NAME: 'a', COUNT: value })).toHaveLength(1);
  });
});
