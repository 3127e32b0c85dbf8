import { malformedQuantity, requestAboveLimit } from './errors';
import { isLateBound } from './opaque';

const SUFFIXES: Readonly<Record<string, number>> = {
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

const PATTERN = /^(\d+(?:\.\d+)?)([A-Za-z]{0,2})$/;

/**
 * Checks a quantity and returns it unchanged: text, because server-side apply refuses numbers where it compares owners.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 * @throws LNMT3003 when it is malformed or not positive
 */
export function quantity(property: string, value: string): string {
  amount(property, value);
  return value;
}

/** Checks a request against its limit. @throws LNMT3003 for a malformed one, LNMT3004 when the request is above */
export function withinLimit(property: string, request: string, limit: string): void {
  const asked = amount(property, request);
  const allowed = amount(`${property}Limit`, limit);
  if (asked !== undefined && allowed !== undefined && asked > allowed)
    throw requestAboveLimit(property, request, limit);
}

/** A quantity times a whole number, in the quantity's own unit, e.g. `2048Gi` times 4 is `8192Gi`. @throws LNMT3003 */
export function times(property: string, value: string, factor: number): string {
  const match = PATTERN.exec(quantity(property, value));
  return `${Number(match?.[1]) * factor}${match?.[2] ?? ''}`;
}

/** A quantity as a number, e.g. bytes; undefined for one that is late-bound. @throws LNMT3003 */
export function amount(property: string, value: string): number | undefined {
  if (isLateBound(value)) return undefined;
  const match = PATTERN.exec(value);
  const factor = SUFFIXES[match?.[2] ?? '?'];
  const number = Number(match?.[1]);
  if (factor === undefined || !(number > 0)) throw malformedQuantity(property, value);
  return number * factor;
}
