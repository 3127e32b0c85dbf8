import { blocksOf, mapBlocks } from './terraform-json';
import type { Json, JsonObject, TerraformDocument } from './terraform-json';

/** A stack without what an emulator cannot serve. */
export interface Pruned {
  readonly document: TerraformDocument;
  /** How many resources are left. */
  readonly kept: number;
  /** Address and reason. */
  readonly dropped: ReadonlyMap<string, string>;
  /** The entries of the list that were needed. */
  readonly used: ReadonlySet<string>;
}

/** Leaves out what is listed and whatever reads a value of it; a mere ordering after it is only forgotten. */
export function prune(document: TerraformDocument, listed: Readonly<Record<string, string>>): Pruned {
  const resources = blocksOf(document).filter((block) => block.section === 'resource');
  const dropped = new Map<string, string>();
  const used = new Set<string>();
  for (const { type, address } of resources) {
    const key = [address, type].find((candidate) => listed[candidate] !== undefined);
    if (key === undefined) continue;
    used.add(key);
    dropped.set(address, listed[key] ?? '');
  }
  for (let before = -1; before !== dropped.size;) {
    before = dropped.size;
    for (const { address, body } of resources) {
      const rest = Object.fromEntries(Object.entries(body).filter(([key]) => key !== 'depends_on'));
      const missing = referencesOf(rest).find((reference) => dropped.has(reference));
      if (missing && !dropped.has(address)) dropped.set(address, `needs ${missing}`);
    }
  }
  const kept = resources.filter(({ address }) => !dropped.has(address));
  const resource: Record<string, Record<string, JsonObject>> = {};
  for (const { type, name, body } of kept) (resource[type] ??= {})[name] = withoutOrdering(body, dropped);
  const reads = (value: Json): boolean => referencesOf(value).some((reference) => dropped.has(reference));
  const without = (section: JsonObject = {}): JsonObject =>
    Object.fromEntries(Object.entries(section).filter(([, value]) => !reads(value)));
  const data = mapBlocks(document.data ?? {}, (body) => withoutOrdering(body, dropped));
  return {
    document: { ...document, resource, data, output: without(document.output) },
    kept: kept.length,
    dropped,
    used,
  };
}

function withoutOrdering(body: JsonObject, dropped: ReadonlyMap<string, string>): JsonObject {
  const ordering = body['depends_on'];
  if (!Array.isArray(ordering)) return body;
  return { ...body, depends_on: (ordering as readonly string[]).filter((address) => !dropped.has(address)) };
}

function referencesOf(value: Json): string[] {
  return [...JSON.stringify(value).matchAll(/(?<![\w.])(aws_[a-z0-9_]+)\.([\w-]+)/g)].map(
    (match) => `${match[1] ?? ''}.${match[2] ?? ''}`,
  );
}
