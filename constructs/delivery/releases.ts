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

/** An add-on with the constructs that ask for it. */
export interface RequestedAddon {
  readonly addon: Addon;
  readonly owners: readonly IConstruct[];
}

/** One Helm release, Argo CD Application or Flux resource: either the chart of others or objects of ours. */
export type PlannedRelease =
  | {
      readonly kind: 'addon';
      readonly name: string;
      readonly layer: Layer;
      readonly addon: Addon;
      readonly owners: readonly IConstruct[];
    }
  | { readonly kind: 'objects'; readonly name: string; readonly layer: Layer; readonly parts: readonly RenderedPart[] };

/** A release is stored gzipped and base64-encoded in a Secret of at most 1 MiB; the rest is room for Helm's own fields. */
export const RELEASE_LIMIT_BYTES = 900_000;

/** What is planned. */
export interface ReleasePlan {
  /** First part of the names of generated releases. */
  readonly prefix: string;
  readonly addons: readonly RequestedAddon[];
  readonly parts: readonly RenderedPart[];
  /** Namespaces of the add-ons: before everything else. @default - none */
  readonly namespaces?: RenderedPart;
}

/**
 * Distributes add-ons and objects over releases, in the order of installation. By layer; inside a layer first the add-ons
 * whose definitions the layer's own objects need, then these objects (definitions among them first), then the other
 * add-ons: a node pool or a storage class of a layer is there before the operators that need nodes and volumes.
 *
 * @throws LNMT4004 when a single part is too large, LNMT4007 for contradictory add-ons
 */
export function planReleases(scope: IConstruct, plan: ReleasePlan): readonly PlannedRelease[] {
  const unique = uniqueAddons(scope, plan.addons);
  const first: PlannedRelease[] = [];
  if (plan.namespaces !== undefined) {
    const name = legalName(KUBERNETES_NAMES.helmRelease, [`${plan.prefix}-namespaces`], scope);
    first.push({ kind: 'objects', name, layer: plan.namespaces.layer, parts: [plan.namespaces] });
  }
  const layers = LAYERS.flatMap((layer) => {
    const ofLayer = orderAddons(
      scope,
      unique.filter(({ addon }) => addon.layer === layer),
    );
    const parts = plan.parts.filter((part) => part.layer === layer);
    const needed = neededAddons(ofLayer, parts);
    const rest = ofLayer.filter((requested) => !needed.includes(requested));
    return [
      ...needed.map(addonRelease),
      ...objectReleases(scope, plan.prefix, layer, parts),
      ...rest.map(addonRelease),
    ];
  });
  return [...first, ...layers];
}

function addonRelease({ addon, owners }: RequestedAddon): PlannedRelease {
  return { kind: 'addon', name: addon.name, layer: addon.layer, addon, owners };
}

// In order, with whatever they wait for: everything up to the last one whose definitions are used.
function neededAddons(ordered: readonly RequestedAddon[], parts: readonly RenderedPart[]): readonly RequestedAddon[] {
  const groups = new Set(parts.flatMap((part) => part.objects.map((object) => object.apiVersion.split('/')[0])));
  const names = new Set<string>();
  const need = (requested: RequestedAddon): void => {
    names.add(requested.addon.name);
    for (const name of requested.addon.after ?? []) {
      const before = ordered.find((candidate) => candidate.addon.name === name);
      if (before !== undefined) need(before);
    }
  };
  const acts = ({ provides = [], serves = [] }: Addon): readonly string[] => [...provides, ...serves];
  ordered.filter(({ addon }) => acts(addon).some((group) => groups.has(group))).forEach(need);
  return ordered.filter(({ addon }) => names.has(addon.name));
}

function uniqueAddons(scope: IConstruct, addons: readonly RequestedAddon[]): readonly RequestedAddon[] {
  const byName = new Map<string, RequestedAddon>();
  for (const { addon, owners } of addons) {
    const known = byName.get(addon.name);
    if (known !== undefined && JSON.stringify(known.addon) !== JSON.stringify(addon)) {
      throw contradictoryAddons(scope, addon.name, 'it is asked for twice with different settings');
    }
    byName.set(addon.name, { addon, owners: [...(known?.owners ?? []), ...owners] });
  }
  return [...byName.values()];
}

function orderAddons(scope: IConstruct, addons: readonly RequestedAddon[]): readonly RequestedAddon[] {
  const ordered: RequestedAddon[] = [];
  const open = new Set<string>();
  const visit = (requested: RequestedAddon): void => {
    const { name, after } = requested.addon;
    if (ordered.includes(requested)) return;
    if (open.has(name)) throw contradictoryAddons(scope, name, 'it waits for itself');
    open.add(name);
    for (const before of after ?? []) {
      const first = addons.find(({ addon }) => addon.name === before);
      if (first !== undefined) visit(first);
    }
    open.delete(name);
    ordered.push(requested);
  };
  for (const requested of [...addons].sort((a, b) => (a.addon.name < b.addon.name ? -1 : 1))) visit(requested);
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
