import { gzipSync } from 'node:zlib';
import type { IConstruct } from 'constructs';
import type { Addon } from '../addons/addon';
import { LAYERS } from '../layers';
import type { Layer } from '../layers';
import { KUBERNETES_NAMES, legalName } from '../names';
import { contradictoryAddons, releaseTooLarge } from './errors';
import type { ManifestObject } from './late-binding';

/** Objects of one recorded part, rendered. */
export interface RenderedPart {
  /** Construct that owns the part, for messages. */
  readonly owner: IConstruct;
  readonly id: string;
  readonly layer: Layer;
  readonly objects: readonly ManifestObject[];
}

/** One Helm release, Argo CD Application or Flux resource: either the chart of others or objects of ours. */
export type PlannedRelease =
  | { readonly kind: 'addon'; readonly name: string; readonly layer: Layer; readonly addon: Addon }
  | { readonly kind: 'objects'; readonly name: string; readonly layer: Layer; readonly parts: readonly RenderedPart[] };

/** A release is stored gzipped and base64-encoded in a Secret of at most 1 MiB; the rest is room for Helm's own fields. */
export const RELEASE_LIMIT_BYTES = 900_000;

/**
 * Distributes add-ons and objects over releases, in the order of installation: by layer; inside a layer the add-ons before
 * the objects that may need their definitions, and definitions among the objects before everything else.
 *
 * @throws LNMT4004 when a single part is too large, LNMT4007 for contradictory add-ons
 */
export function planReleases(
  scope: IConstruct,
  prefix: string,
  addons: readonly Addon[],
  parts: readonly RenderedPart[],
): readonly PlannedRelease[] {
  const unique = uniqueAddons(scope, addons);
  return LAYERS.flatMap((layer) => {
    const ofLayer = orderAddons(
      scope,
      unique.filter((addon) => addon.layer === layer),
    ).map((addon): PlannedRelease => ({ kind: 'addon', name: addon.name, layer, addon }));
    return [
      ...ofLayer,
      ...objectReleases(
        scope,
        prefix,
        layer,
        parts.filter((part) => part.layer === layer),
      ),
    ];
  });
}

function uniqueAddons(scope: IConstruct, addons: readonly Addon[]): readonly Addon[] {
  const byName = new Map<string, Addon>();
  for (const addon of addons) {
    const first = byName.get(addon.name);
    if (first !== undefined && JSON.stringify(first) !== JSON.stringify(addon)) {
      throw contradictoryAddons(scope, addon.name, 'it is asked for twice with different settings');
    }
    byName.set(addon.name, addon);
  }
  return [...byName.values()];
}

function orderAddons(scope: IConstruct, addons: readonly Addon[]): readonly Addon[] {
  const ordered: Addon[] = [];
  const open = new Set<string>();
  const visit = (addon: Addon): void => {
    if (ordered.includes(addon)) return;
    if (open.has(addon.name)) throw contradictoryAddons(scope, addon.name, 'it waits for itself');
    open.add(addon.name);
    for (const name of addon.after ?? []) {
      const first = addons.find((candidate) => candidate.name === name);
      if (first !== undefined) visit(first);
    }
    open.delete(addon.name);
    ordered.push(addon);
  };
  for (const addon of [...addons].sort((a, b) => (a.name < b.name ? -1 : 1))) visit(addon);
  return ordered;
}

function objectReleases(
  scope: IConstruct,
  prefix: string,
  layer: Layer,
  parts: readonly RenderedPart[],
): readonly PlannedRelease[] {
  const definitions = selectObjects(parts, (object) => object.kind === 'CustomResourceDefinition');
  const rest = selectObjects(parts, (object) => object.kind !== 'CustomResourceDefinition');
  const name = (suffix: string): string =>
    legalName(
      KUBERNETES_NAMES.helmRelease,
      suffix === '' ? [`${prefix}-${layer}`] : [`${prefix}-${layer}`, suffix],
      scope,
    );
  const releases: PlannedRelease[] = [];
  const add = (suffix: string, chosen: readonly RenderedPart[]): void => {
    if (chosen.length > 0) releases.push({ kind: 'objects', name: name(suffix), layer, parts: chosen });
  };
  add('definitions', definitions);
  if (releaseBytes(rest) <= RELEASE_LIMIT_BYTES) add('', rest);
  else for (const part of rest) add(part.id, [withinLimit(scope, part)]);
  return releases;
}

function selectObjects(parts: readonly RenderedPart[], keep: (object: ManifestObject) => boolean): RenderedPart[] {
  return parts
    .map((part) => ({ ...part, objects: part.objects.filter(keep) }))
    .filter((part) => part.objects.length > 0);
}

function withinLimit(scope: IConstruct, part: RenderedPart): RenderedPart {
  const bytes = releaseBytes([part]);
  if (bytes > RELEASE_LIMIT_BYTES) throw releaseTooLarge(scope, part.id, bytes, RELEASE_LIMIT_BYTES);
  return part;
}

// The Secret holds the chart's templates and the rendered manifest: the same text twice.
function releaseBytes(parts: readonly RenderedPart[]): number {
  const text = JSON.stringify(parts.map((part) => part.objects));
  if (text.length * 2 <= RELEASE_LIMIT_BYTES / 2) return text.length;
  return Math.ceil((gzipSync(text + text).length * 4) / 3);
}
