import { Token } from 'cdktf';
import type { IConstruct } from 'constructs';
import { literalNeeded, notOffered, numberOutOfRange, reversedBounds, takenId, unusableName } from './errors';

/** Checks a whole number. @throws LNMT1002 outside the range, LNMT1004 for a token */
export function wholeNumber(
  scope: IConstruct | undefined,
  property: string,
  value: number,
  range: { readonly min: number; readonly max?: number; readonly unit?: string },
): number {
  literal(scope, property, value);
  if (!Number.isInteger(value) || value < range.min || (range.max !== undefined && value > range.max)) {
    throw numberOutOfRange(scope, property, value, range);
  }
  return value;
}

/** Checks a lower and an upper bound against each other. @throws LNMT1003 when they are reversed */
export function ordered(
  scope: IConstruct | undefined,
  lower: readonly [property: string, value: number],
  upper: readonly [property: string, value: number],
): void {
  if (lower[1] > upper[1]) throw reversedBounds(scope, lower, upper);
}

/** Checks that a value is known at synthesis. @throws LNMT1004 for a token */
export function literal<T>(scope: IConstruct | undefined, property: string, value: T): T {
  if (Token.isUnresolved(value)) throw literalNeeded(scope, property);
  return value;
}

/** Checks a value against its choices. @throws LNMT1016 for any other */
export function oneOf<T extends string>(
  scope: IConstruct | undefined,
  property: string,
  value: string,
  choices: readonly T[],
): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw notOffered(scope, property, value, choices);
  return found;
}

/** Checks that an id is free in its scope. @throws LNMT1001 for an empty one, LNMT1020 for one that is taken */
export function freeId(scope: IConstruct, id: string): string {
  if (id === '') throw unusableName(scope, 'id', id);
  if (scope.node.tryFindChild(id)) throw takenId(scope, id);
  return id;
}
