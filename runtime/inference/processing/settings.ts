import { Members } from './members';
import { AFTER, BEFORE } from './step-settings';
import type { AfterSettings, BeforeSettings } from './step-settings';
import { wrong } from '../models/config-members';

/** What becomes of NaN and infinities. */
export type NonFinitePolicy = 'allow' | 'refuse';

/** What a model declares of one of its inputs, as clients send it. */
export interface InputBounds {
  /** Smallest and largest value; NaN is outside of every range. */
  readonly range?: { readonly min: number; readonly max: number };
  /** The values that it takes; whole numbers beyond 2^53 stand as texts. */
  readonly values?: readonly (string | number | boolean)[];
  readonly nonFinite?: NonFinitePolicy;
  /** Most bytes of UTF-8 of each text. */
  readonly maxBytes?: number;
}

/** What happens to tensors before and after a model. */
export interface ProcessingSettings {
  readonly before: readonly BeforeSettings[];
  readonly after: readonly AfterSettings[];
  readonly inputs: Readonly<Record<string, InputBounds>>;
}

const MOST = { steps: 16, inputs: 128, values: 10_000, bytes: 2 ** 28 } as const;

function boundsOf(value: unknown, where: string): InputBounds {
  const members = new Members(value, where, ['range', 'values', 'nonFinite', 'maxBytes']);
  const range = members.pair('range');
  const values = members.list('values', MOST.values, (each, place) => {
    if (typeof each === 'string' || typeof each === 'boolean' || Number.isFinite(each)) return each as string;
    throw wrong(`${place} is not a text, a number, true or false`);
  });
  const nonFinite = members.choice('nonFinite', ['allow', 'refuse'] as const);
  const maxBytes = members.integer('maxBytes', 0, MOST.bytes);
  return {
    ...(range === undefined ? {} : { range: { min: range[0], max: range[1] } }),
    ...(values === undefined ? {} : { values }),
    ...(nonFinite === undefined ? {} : { nonFinite }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
  };
}

function stepsOf<T>(
  members: Members,
  side: 'before' | 'after',
  readers: Readonly<Record<string, (members: Members) => T>>,
): readonly T[] {
  const read = (value: unknown, where: string): T => {
    const name = Members.kindOf(value, where);
    const reader = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (reader === undefined) throw wrong(`${where}.step is not one of ${Object.keys(readers).join(', ')}`);
    return reader(new Members(value, where, undefined));
  };
  return members.list(side, MOST.steps, read) ?? [];
}

/**
 * Reads `{"before": […], "after": […], "inputs": {…}}`.
 *
 * @throws ConfigMemberError
 */
export function parseProcessing(value: unknown, where: string): ProcessingSettings {
  const members = new Members(value, where, ['before', 'after', 'inputs']);
  const inputs = Object.entries(members.object('inputs') ?? {});
  if (inputs.length > MOST.inputs) throw wrong(`${where}.inputs has more than ${MOST.inputs} members`);
  return {
    before: stepsOf<BeforeSettings>(members, 'before', BEFORE),
    after: stepsOf<AfterSettings>(members, 'after', AFTER),
    inputs: Object.fromEntries(inputs.map(([name, each]) => [name, boundsOf(each, `${where}.inputs.${name}`)])),
  };
}
