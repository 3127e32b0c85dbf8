import { membersOf, wrong } from '../models/config-members';
import type { Fields } from '../models/config-members';

const MAX_TEXT = 256;

/** Reads the members of one JSON object, each held to what it takes. */
export class Members {
  private readonly fields: Fields;
  private readonly read = new Set<string>();

  /**
   * @param allowed names of its members; undefined where {@link close} is called once all were read
   * @throws ConfigMemberError
   */
  constructor(
    value: unknown,
    /** Where the object stands, for messages. */
    readonly where: string,
    allowed: readonly string[] | undefined,
  ) {
    const own = typeof value === 'object' && value !== null ? Object.keys(value) : [];
    this.fields = membersOf(value, where, allowed ?? own);
  }

  /** What kind of step an object is: its `step`, or `plugin` where it names one. */
  static kindOf(value: unknown, where: string): string {
    const members = new Members(value, where, undefined);
    return members.fields['plugin'] === undefined ? (members.text('step') ?? '') : 'plugin';
  }

  /** Refuses every member that was not asked for. */
  close<T>(result: T): T {
    membersOf(this.fields, this.where, [...this.read, 'step']);
    return result;
  }

  /** A text of 1 to 256 characters. */
  text(key: string): string | undefined {
    return this.member(key, (value) => {
      if (typeof value === 'string' && value.length > 0 && value.length <= MAX_TEXT) return value;
      throw this.fault(key, `a text of 1 to ${MAX_TEXT} characters`);
    });
  }

  /** A text that has to be there. */
  needed(key: string): string {
    const found = this.text(key);
    if (found === undefined) throw wrong(`${this.where}.${key} is missing`);
    return found;
  }

  /** A number. */
  number(key: string, least = -Number.MAX_VALUE, most = Number.MAX_VALUE): number | undefined {
    return this.member(key, (value) => {
      if (typeof value === 'number' && value >= least && value <= most) return value;
      const bounds = least === -Number.MAX_VALUE ? '' : ` from ${least} to ${most}`;
      throw this.fault(key, `a number${bounds}`);
    });
  }

  /** A whole number. */
  integer(key: string, least: number, most: number): number | undefined {
    const found = this.number(key, least, most);
    if (found === undefined || Number.isInteger(found)) return found;
    throw this.fault(key, 'an integer');
  }

  /** True or false. */
  flag(key: string): boolean | undefined {
    return this.member(key, (value) => {
      if (typeof value === 'boolean') return value;
      throw this.fault(key, 'true or false');
    });
  }

  /** One of a few texts. */
  choice<const T extends string>(key: string, allowed: readonly T[]): T | undefined {
    return this.member(key, (value) => {
      const found = allowed.find((each) => each === value);
      if (found !== undefined) return found;
      throw this.fault(key, `one of ${allowed.join(', ')}`);
    });
  }

  /** A list. */
  list<T>(key: string, most: number, read: (value: unknown, where: string) => T): readonly T[] | undefined {
    return this.member(key, (value) => {
      if (!Array.isArray(value) || value.length > most) throw this.fault(key, `a list of at most ${most}`);
      return value.map((each: unknown, index) => read(each, `${this.where}.${key}[${index}]`));
    });
  }

  /** A list of some of a few texts. */
  choices<const T extends string>(key: string, allowed: readonly T[]): readonly T[] | undefined {
    return this.list(key, allowed.length, (value, where) => {
      const found = allowed.find((each) => each === value);
      if (found !== undefined) return found;
      throw wrong(`${where} is not one of ${allowed.join(', ')}`);
    });
  }

  /** A list of texts. */
  texts(key: string, most: number): readonly string[] | undefined {
    return this.list(key, most, (value, where) => {
      if (typeof value === 'string') return value;
      throw wrong(`${where} is not a text`);
    });
  }

  /** A number, or a list of numbers. */
  numbers(key: string, most: number): readonly number[] | undefined {
    if (typeof this.fields[key] === 'number') return [this.number(key) ?? 0];
    return this.list(key, most, (value, where) => {
      if (typeof value === 'number') return value;
      throw wrong(`${where} is not a number`);
    });
  }

  /** Two numbers, the smaller one first. */
  pair(key: string): readonly [number, number] | undefined {
    const [least, most, ...rest] = this.numbers(key, 2) ?? [];
    if (this.fields[key] === undefined) return undefined;
    if (least !== undefined && most !== undefined && rest.length === 0 && least <= most) return [least, most];
    throw this.fault(key, 'a list of two numbers, the smaller one first');
  }

  /** An object of any members. */
  object(key: string): Fields | undefined {
    return this.member(key, (value) => {
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
      throw this.fault(key, 'an object');
    });
  }

  private member<T>(key: string, read: (value: unknown) => T): T | undefined {
    this.read.add(key);
    const value = Object.hasOwn(this.fields, key) ? this.fields[key] : undefined;
    return value === undefined ? undefined : read(value);
  }

  private fault(key: string, wanted: string): Error {
    return wrong(`${this.where}.${key} is not ${wanted}`);
  }
}
