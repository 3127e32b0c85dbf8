import { invalidParameter, unsupportedParameter } from '../text/errors';

/** Bounds of a number. */
export interface NumberBounds {
  readonly least: number;
  readonly most: number;
  readonly integer?: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

const LONE_SURROGATE = /\p{Surrogate}/u;

/** A value as text, to be compared. Integers beyond those of numbers, which JSON cannot write, equal no other value. */
const written = (value: unknown): string | undefined =>
  JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? `integer ${each}` : each));

/** An object; `where` names it in the error. @throws RequestError */
export function objectOf(value: unknown, where: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalidParameter(where, 'is not an object');
}

/** A text without halves of characters. @throws RequestError */
export function textOf(value: unknown, where: string): string {
  if (typeof value !== 'string') throw invalidParameter(where, 'is not a string');
  if (LONE_SURROGATE.test(value)) throw invalidParameter(where, 'holds half of a character');
  return value;
}

/** The parameters of a request: each is read once, by type and bounds; null stands for absent. */
export class Parameters {
  private readonly seen = new Set<string>();

  constructor(
    private readonly fields: Fields,
    /** Name of what holds the parameters, with a dot after it; empty for the request. */
    private readonly prefix = '',
  ) {}

  /** A parameter as it is. */
  raw(name: string): unknown {
    this.seen.add(name);
    const value = Object.hasOwn(this.fields, name) ? this.fields[name] : undefined;
    return value === null ? undefined : value;
  }

  /** @throws RequestError */
  text(name: string): string | undefined {
    const value = this.raw(name);
    return value === undefined ? undefined : textOf(value, this.prefix + name);
  }

  /** @throws RequestError */
  requiredText(name: string): string {
    const value = this.text(name);
    if (value === undefined || value === '') throw invalidParameter(this.prefix + name, 'is missing');
    return value;
  }

  /** @throws RequestError */
  flag(name: string): boolean | undefined {
    const value = this.raw(name);
    if (value === undefined || typeof value === 'boolean') return value;
    throw invalidParameter(this.prefix + name, 'is not true or false');
  }

  /** @throws RequestError */
  number(name: string, { least, most, integer = false }: NumberBounds): number | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    const isRight = typeof value === 'number' && (integer ? Number.isSafeInteger(value) : Number.isFinite(value));
    if (isRight && value >= least && value <= most) return value;
    const kind = integer ? 'an integer' : 'a number';
    throw invalidParameter(this.prefix + name, `is not ${kind} from ${least} to ${most}`);
  }

  /** @throws RequestError */
  choice<T extends string>(name: string, allowed: readonly T[]): T | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    const found = allowed.find((each) => each === value);
    if (found === undefined) throw invalidParameter(this.prefix + name, `is not one of ${allowed.join(', ')}`);
    return found;
  }

  /** Parameters that say something about the caller and nothing about the answer. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.seen.add(name);
  }

  /** Parameters that may only have the value that changes nothing. @throws RequestError */
  only(values: Readonly<Record<string, unknown>>): void {
    for (const [name, allowed] of Object.entries(values)) {
      const value = this.raw(name);
      if (value === undefined || written(value) === written(allowed)) continue;
      throw unsupportedParameter(
        this.prefix + name,
        allowed === undefined ? 'is not supported' : `can only be ${JSON.stringify(allowed)}`,
      );
    }
  }

  /** Refuses what was not read: a parameter that nobody knows would be ignored without a word. @throws RequestError */
  finish(): void {
    const stranger = Object.keys(this.fields).find((name) => !this.seen.has(name) && this.fields[name] !== null);
    if (stranger !== undefined) throw unsupportedParameter(this.prefix + stranger.slice(0, 64));
  }
}
