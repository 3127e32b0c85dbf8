import { createHash } from 'node:crypto';

// The form in which a value that only Terraform knows stands inside a string. Only recognised, never read.
const OPAQUE = /\$\{TfToken\[[^\]]*\]\}/g;

/** True when some part of the text is known only at deployment. Such text is never checked, only passed on. */
export function isLateBound(value: string): boolean {
  return value.search(OPAQUE) >= 0;
}

/** The late-bound parts of a text. */
export function lateBoundParts(value: string): readonly string[] {
  return value.match(OPAQUE) ?? [];
}

/**
 * Hash of what is known at synthesis. Late-bound parts count as such and not by their number: the same value is given a
 * new number whenever it is read.
 */
export function literalHash(values: Readonly<Record<string, string>>): string {
  const rows = Object.entries(values)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => [key, value.split(OPAQUE)]);
  return createHash('sha256').update(JSON.stringify(rows)).digest('hex');
}
