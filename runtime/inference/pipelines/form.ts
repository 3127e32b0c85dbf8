import { PIPELINE_LIMITS } from './limits';
import { quote } from './problems';
import type { Problems } from './problems';

/** Members of a JSON object. */
export type Members = Readonly<Record<string, unknown>>;

const NODE_NAME = /^[A-Za-z0-9][\w.-]{0,63}$/;
const LETTERS_OF_TENSORS = PIPELINE_LIMITS.tensorName;

/** Reads members of a JSON document, and notes every fault instead of stopping at the first. */
export class Form {
  constructor(private readonly problems: Problems) {}

  /** Notes a fault. */
  wrong(what: string): undefined {
    this.problems.add('LNMT8351', what);
    return undefined;
  }

  /** An object with no members but these; empty where it is none. */
  members(value: unknown, where: string, allowed?: readonly string[]): Members {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.wrong(`${where} is not an object`);
      return {};
    }
    for (const key of Object.keys(value)) {
      if (allowed?.includes(key) === false) this.wrong(`${where} has the unknown member ${quote(key)}`);
    }
    // Own members only, and none that an object has from elsewhere.
    return Object.assign(Object.create(null) as Record<string, unknown>, value);
  }

  /** A list of so many; empty where it is none. */
  list(value: unknown, where: string, most: number, least = 1): readonly unknown[] {
    if (Array.isArray(value) && value.length >= least && value.length <= most) return value;
    this.wrong(`${where} is not a list of ${least} to ${most}`);
    return [];
  }

  /** A name of a model or version, a text that the pattern allows. */
  name(value: unknown, where: string, pattern: RegExp = NODE_NAME): string {
    const text = typeof value === 'number' ? String(value) : value;
    if (typeof text === 'string' && pattern.test(text)) return text;
    this.wrong(`${where} does not match ${pattern.source}`);
    return '';
  }

  /** A name of a tensor. */
  tensor(value: unknown, where: string): string {
    if (typeof value === 'string' && value.length > 0 && value.length <= LETTERS_OF_TENSORS) return value;
    this.wrong(`${where} is not a text of 1 to ${LETTERS_OF_TENSORS} characters`);
    return '';
  }

  /** A whole number. */
  integer(value: unknown, where: string, least: number, most: number): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    this.wrong(`${where} is not an integer from ${least} to ${most}`);
    return least;
  }

  /** One of a few words. */
  word<W extends string>(value: unknown, where: string, words: readonly W[], otherwise: W): W {
    const found = words.find((each) => each === value);
    if (found === undefined) this.wrong(`${where} is not ${words.join(', ')}`);
    return found ?? otherwise;
  }

  /** True or false. */
  flag(value: unknown, where: string): boolean {
    if (typeof value !== 'boolean') this.wrong(`${where} is not true or false`);
    return value === true;
  }

  /** Names of tensors by names of tensors. */
  renaming(value: unknown, where: string): Readonly<Record<string, string>> {
    const entries = Object.entries(this.members(value, where));
    if (entries.length > PIPELINE_LIMITS.tensors) this.wrong(`${where} has over ${PIPELINE_LIMITS.tensors} members`);
    const rows = entries.map(([own, around]) => [
      this.tensor(own, `a name in ${where}`),
      this.tensor(around, `${where}.${own}`),
    ]);
    return Object.fromEntries(rows) as Record<string, string>;
  }
}

/** What a member says, where it is there. */
export function optional<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return value === undefined ? undefined : read(value);
}
