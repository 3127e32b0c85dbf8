import type { EnvVariable } from '../contract';
import { START_ERRORS } from './errors';

type EnvTable = Record<string, EnvVariable>;

type Parsed<V extends EnvVariable> = V['kind'] extends 'integer' | 'duration' | 'bytes'
  ? number
  : V['kind'] extends 'boolean'
    ? boolean
    : V['kind'] extends 'list'
      ? V extends { values: readonly (infer U)[] }
        ? readonly U[]
        : readonly string[]
      : V extends { values: readonly (infer U)[] }
        ? U
        : string;

/** Settings as servers use them: durations in seconds, sizes in bytes. */
export type EnvValues<T extends EnvTable> = {
  readonly [K in keyof T]: T[K] extends { optional: true } ? Parsed<T[K]> | undefined : Parsed<T[K]>;
};

/** The environment does not say what the server needs. `problems` holds one sentence for each fault. */
export class EnvError extends Error {
  readonly code = 'LNMT8101';

  constructor(readonly problems: readonly string[]) {
    super([`LNMT8101: ${START_ERRORS.LNMT8101.title}`, ...problems].join('\n'));
    this.name = 'EnvError';
  }
}

type Value = string | number | boolean | readonly string[];
type Outcome = { readonly value: Value } | { readonly problem: string };

const NUMERALS = { integer: /^-?\d{1,15}$/, bytes: /^\d{1,15}$/, duration: /^\d{1,12}(\.\d{1,3})?$/ } as const;
const NOUNS = { integer: 'an integer', bytes: 'a size in bytes', duration: 'a duration in seconds' } as const;

function parseNumber(row: EnvVariable, kind: keyof typeof NUMERALS, text: string): Outcome {
  const value = Number(text);
  const { min, max } = row;
  const inRange = (min === undefined || value >= min) && (max === undefined || value <= max);
  if (NUMERALS[kind].test(text) && inRange) return { value: value === 0 ? 0 : value };
  const low = min === undefined ? '' : ` from ${min}`;
  const high = max === undefined ? '' : ` to ${max}`;
  return { problem: `${row.name} is ${JSON.stringify(text)}; give ${NOUNS[kind]}${low}${high}` };
}

function parseList(row: EnvVariable, text: string): Outcome {
  const value = text.split(',').map((entry) => entry.trim());
  const strangers = value.filter((entry) => row.values?.includes(entry) === false);
  if (strangers.length === 0) return { value };
  return { problem: `${row.name} is ${JSON.stringify(text)}; give some of ${(row.values ?? []).join(', ')}` };
}

function parse(row: EnvVariable, text: string): Outcome {
  switch (row.kind) {
    case 'integer':
    case 'bytes':
    case 'duration':
      return parseNumber(row, row.kind, text);
    case 'boolean':
      if (text === 'true' || text === 'false') return { value: text === 'true' };
      return { problem: `${row.name} is ${JSON.stringify(text)}; give true or false` };
    case 'enum':
      if (row.values?.includes(text)) return { value: text };
      return { problem: `${row.name} is ${JSON.stringify(text)}; give one of ${(row.values ?? []).join(', ')}` };
    case 'list':
      return parseList(row, text);
    case 'string':
      return { value: text };
  }
}

/**
 * Reads settings from an environment through their table. An empty variable counts as unset, because manifests
 * write empty values where nothing was given.
 *
 * @throws EnvError that names every fault at once.
 */
export function readEnv<const T extends EnvTable>(
  table: T,
  env: Readonly<Record<string, string | undefined>>,
): EnvValues<T> {
  const problems: string[] = [];
  const values: Record<string, Value> = {};
  for (const [key, row] of Object.entries(table)) {
    const text = env[row.name] || row.default;
    if (text === undefined || text === '') {
      if (!row.optional) problems.push(`${row.name} is not set; ${row.doc}`);
      continue;
    }
    const outcome = parse(row, text);
    if ('problem' in outcome) problems.push(outcome.problem);
    else values[key] = outcome.value;
  }
  if (problems.length > 0) throw new EnvError(problems);
  return Object.freeze(values) as EnvValues<T>;
}
