import { badInvocation } from '../errors';

/** A number of an option, within bounds. @throws LNMT6001 */
export function numberOption(
  option: string,
  text: string | undefined,
  least: number,
  most: number,
): number | undefined {
  if (text === undefined) return undefined;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= least && value <= most) return value;
  throw badInvocation(`${option} takes a number from ${least} to ${most}`, JSON.stringify(text), 'correct it');
}

/** One of some words. @throws LNMT6001 */
export function wordOption<T extends string>(option: string, text: string, words: readonly T[]): T {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  throw badInvocation(`${option} takes ${words.join(', ')}`, JSON.stringify(text), 'choose one of them');
}

/** The URL of an S3-compatible store; undefined where none is named. @throws LNMT6001 */
export function endpointOption(text: string | undefined): string | undefined {
  if (!text) return undefined;
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw badInvocation('the endpoint of the store is no URL', text, 'write it with http:// or https://');
}

/** Most threads that a run may use. */
export const THREADS_MOST = 1_024;
