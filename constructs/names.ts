import { createHash } from 'node:crypto';
import type { IConstruct } from 'constructs';
import { literalNeeded, unusableName } from './errors';
import { isLateBound } from './kubernetes/opaque';

/** What a target accepts as the name of one kind of thing. Rules are data: a cloud's own ones live in its folder. */
export interface NameRule {
  /** Largest number of characters. */
  readonly maxLength: number;
  /** Character between parts. @default '-' */
  readonly separator?: '-' | '_' | '';
  /** True where capital letters are accepted. @default false */
  readonly upperCase?: boolean;
  /** True where the first character must be a letter. @default true */
  readonly letterFirst?: boolean;
}

/** Rules of Kubernetes object names. @see https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
export const KUBERNETES_NAMES = {
  /** DNS label: Services, namespaces, and whatever a Service selects. */
  label: { maxLength: 63 },
  /** Deployments and Jobs leave room for the suffix of their pods. */
  workload: { maxLength: 52 },
  /** Helm releases. @see https://helm.sh/docs/chart_template_guide/getting_started/ */
  helmRelease: { maxLength: 53 },
} as const satisfies Record<string, NameRule>;

const HASH_LENGTH = 10;

/**
 * Makes a legal name of its parts.
 *
 * Names that already fit come out unchanged. Whatever is lost by lowering, replacing or shortening is made up for by a
 * hash of the original parts, so that two different lists of equally many parts never give the same name. Only the
 * first part may hold the separator without being hashed.
 *
 * @param rule what the target accepts
 * @param parts from the general to the particular, e.g. platform and role
 * @param scope named by the error
 * @throws LNMT1001 when a part holds no letter or digit, LNMT1004 when one is known only to Terraform
 */
export function legalName(rule: NameRule, parts: readonly string[], scope?: IConstruct): string {
  const separator = rule.separator ?? '-';
  const cleaned = parts.map((part) => clean(part, rule, separator, scope));
  let name = cleaned.join(separator);
  if ((rule.letterFirst ?? true) && !/^[a-z]/i.test(name)) name = `x${separator}${name}`;
  const exact =
    name === parts.join(separator) &&
    name.length <= rule.maxLength &&
    !looksHashed(name, separator) &&
    (separator === '' ? parts.length === 1 : parts.slice(1).every((part) => !part.includes(separator)));
  if (exact) return name;
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, HASH_LENGTH);
  const room = rule.maxLength - HASH_LENGTH - separator.length;
  return `${trim(name.slice(0, room), separator)}${separator}${hash}`;
}

function clean(part: string, rule: NameRule, separator: string, scope: IConstruct | undefined): string {
  if (isLateBound(part)) throw literalNeeded(scope, 'name');
  const cased = rule.upperCase ? part : part.toLowerCase();
  const replaced = cased.replace(/[^A-Za-z0-9]+/g, separator);
  const trimmed = trim(replaced, separator);
  if (trimmed === '') throw unusableName(scope, 'name', part);
  return trimmed;
}

function trim(text: string, separator: string): string {
  if (separator === '') return text;
  let start = 0;
  let end = text.length;
  while (text[start] === separator) start += 1;
  while (end > start && text[end - 1] === separator) end -= 1;
  return text.slice(start, end);
}

// A name that ends like a hashed one could be the hashed form of another: it is hashed too.
function looksHashed(name: string, separator: string): boolean {
  const tail = name.slice(-HASH_LENGTH);
  return /^[0-9a-f]{10}$/.test(tail) && name.slice(0, -HASH_LENGTH).endsWith(separator);
}
