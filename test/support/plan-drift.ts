import type { Json, JsonObject } from './terraform-json';

/** The part of `terraform show -json PLAN` that tells of changes. */
export interface Plan {
  readonly resource_changes?: readonly {
    readonly type: string;
    readonly address: string;
    readonly change: {
      readonly actions: readonly string[];
      readonly before: JsonObject | null;
      readonly after: JsonObject | null;
      readonly after_unknown?: JsonObject;
    };
  }[];
}

/** The attributes that a plan would change, by type; a creation or a removal counts as the attribute `*`. */
export function driftOf(plan: Plan): Map<string, Set<string>> {
  const drift = new Map<string, Set<string>>();
  const add = (type: string, attribute: string): unknown =>
    drift.set(type, (drift.get(type) ?? new Set()).add(attribute));
  for (const { type, change } of plan.resource_changes ?? []) {
    if (change.actions.every((action) => action === 'no-op' || action === 'read')) continue;
    if (!change.before || !change.after) add(type, '*');
    for (const [key, before] of Object.entries(change.before ?? {}))
      if (change.after && differs(before, change.after[key], change.after_unknown?.[key])) add(type, key);
  }
  return drift;
}

/** Whether what will be known after the change is another value; an absent one and an empty one are the same. */
function differs(before: Json | undefined, after: Json | undefined, unknown: Json | undefined): boolean {
  if (unknown === true) return false;
  if (isEmpty(before) && isEmpty(after)) return false;
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null)
    return before !== after;
  const [left, right, open] = [before, after, unknown ?? {}] as Readonly<Record<string, Json>>[];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].some((key) => differs(left?.[key], right?.[key], open?.[key]));
}

const isEmpty = (value: Json | undefined): boolean =>
  value === null ||
  value === undefined ||
  value === '' ||
  (typeof value === 'object' && Object.keys(value).length === 0);

/** The differences between what drifts and a list of what may, in both directions. */
export function compareDrift(
  found: ReadonlyMap<string, ReadonlySet<string>>,
  expected: Readonly<Record<string, readonly string[]>>,
): string[] {
  const types = [...new Set([...found.keys(), ...Object.keys(expected)])].sort();
  return types.flatMap((type) => {
    const [is, should] = [
      [...(found.get(type) ?? [])].sort().join(', '),
      [...(expected[type] ?? [])].sort().join(', '),
    ];
    return is === should ? [] : [`${type}: drifts in [${is}], the list says [${should}]`];
  });
}
