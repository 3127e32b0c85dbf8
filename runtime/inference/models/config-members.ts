import { MODEL_NAME_PATTERN } from '../../contract';

/** An object of a configuration. */
export type Fields = Readonly<Record<string, unknown>>;

/** A member of a configuration that is wrong. The message names it. */
export class ConfigMemberError extends Error {}

/** A fault in a configuration. */
export const wrong = (what: string): ConfigMemberError => new ConfigMemberError(what);

/** An object with no members but these. */
export function membersOf(value: unknown, where: string, allowed: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(`${where} is not an object`);
  const stranger = Object.keys(value).find((key) => !allowed.includes(key));
  if (stranger !== undefined) throw wrong(`${where} has the unknown member ${JSON.stringify(stranger)}`);
  return { ...value };
}

/** A name of a model, version or alias. */
export function nameOf(value: unknown, where: string): string {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text === 'string' && MODEL_NAME_PATTERN.test(text)) return text;
  throw wrong(`${where} does not match ${MODEL_NAME_PATTERN.source}`);
}

/** A number within bounds. */
export function numberOf(value: unknown, where: string, least: number, most: number): number {
  if (typeof value === 'number' && value >= least && value <= most) return value;
  throw wrong(`${where} is not a number from ${least} to ${most}`);
}

/** A whole number from 1. */
export function countOf(value: unknown, where: string, most: number): number {
  const count = numberOf(value, where, 1, most);
  if (!Number.isInteger(count)) throw wrong(`${where} is not an integer`);
  return count;
}
