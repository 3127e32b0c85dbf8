import type { Addon } from '../addons/addon';
import type { KubernetesParts } from '../cloud/kubernetes-parts';
import { joinParts } from '../cloud/kubernetes-parts';
import { KUBERNETES_NAMES } from '../names';
import { blocksOf, buildBlocks } from './conformance-blocks';
import { bench, report } from './conformance-support';
import type { ConformanceCheck, MakeCloud } from './conformance-support';
import { renderObjects } from './render-objects';
import type { RenderedObject } from './render-objects';

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9.:]*[a-z0-9])?$/;

// Kinds of clusters that live in no namespace; custom ones follow the custom of beginning with "Cluster".
const CLUSTER_SCOPED = new Set([
  ...['Namespace', 'StorageClass', 'PersistentVolume', 'ClusterRole', 'ClusterRoleBinding', 'PriorityClass'],
  ...['CustomResourceDefinition', 'VolumeSnapshotClass', 'RuntimeClass', 'CSIDriver', 'IngressClass', 'GatewayClass'],
  ...['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration', 'APIService', 'DeviceClass'],
  ...['NodePool', 'EC2NodeClass', 'NodeClass', 'ComputeClass', 'ResourceFlavor'],
]);

/** What blocks bring into the cluster. */
export function partsChecks(make: MakeCloud): readonly ConformanceCheck[] {
  return [
    { name: 'Kubernetes objects are valid and know their namespace', run: () => objects(make) },
    { name: 'records have ids that are unique below their block', run: () => partIds(make) },
    { name: 'add-ons are pinned, named once, and ordered by names that exist', run: () => addons(make) },
  ];
}

function allParts(make: MakeCloud): readonly (readonly [id: string, parts: KubernetesParts])[] {
  const { cloud, scope } = bench(make);
  return blocksOf(buildBlocks(cloud, scope)).map(([id, block]) => [id, block.kubernetes] as const);
}

function objects(make: MakeCloud): void {
  report(allParts(make).flatMap(([id, parts]) => renderObjects(parts).flatMap((object) => objectProblems(id, object))));
}

function objectProblems(owner: string, object: RenderedObject): string[] {
  const { apiVersion, kind, name, namespace } = object;
  const title = `${owner}/${object.part}: ${kind || 'an object'} ${name || 'without a name'}`;
  const clusterScoped = CLUSTER_SCOPED.has(kind) || /^Cluster./.test(kind);
  return [
    ...(apiVersion === '' || kind === '' ? [`${title} has no apiVersion or kind`] : []),
    ...(SUBDOMAIN.test(name) && name.length <= 253 ? [] : [`${title}: the name is not legal`]),
    ...(clusterScoped && namespace !== undefined ? [`${title}: is cluster-scoped, but in namespace ${namespace}`] : []),
    ...(!clusterScoped && !isLabel(namespace ?? '') ? [`${title}: namespace is ${namespace ?? 'absent'}`] : []),
    ...(kind === 'ClusterSecretStore' && isOpen(object) ? [`${title}: may be used from any namespace`] : []),
  ];
}

// Without conditions, whoever may write an ExternalSecret in some namespace reads every secret of the platform.
function isOpen({ object }: RenderedObject): boolean {
  const { conditions = [] } = (object['spec'] ?? {}) as { readonly conditions?: readonly object[] };
  return conditions.length === 0;
}

function partIds(make: MakeCloud): void {
  report(
    allParts(make).flatMap(([owner, parts]) => {
      const ids = parts.objects.map((part) => part.id);
      return ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `${owner}: two records ${id}`);
    }),
  );
}

function addons(make: MakeCloud): void {
  const parts = allParts(make);
  const all = joinParts(...parts.map(([, each]) => each)).addons;
  report(all.flatMap((addon) => addonProblems(addon, all)));
}

function addonProblems(addon: Addon, all: readonly Addon[]): string[] {
  const { name, namespace, podSecurity } = addon;
  const twin = all.find((other) => other.name === name && JSON.stringify(other) !== JSON.stringify(addon));
  const missing = (addon.after ?? []).filter((first) => !all.some((other) => other.name === first));
  return [
    ...(isLabel(name) && name.length <= KUBERNETES_NAMES.helmRelease.maxLength ? [] : [`add-on ${name}: not a name`]),
    ...(isLabel(namespace) ? [] : [`add-on ${name}: namespace ${namespace}`]),
    ...(/^v?\d+\.\d+\.\d+/.test(addon.chart.version) ? [] : [`add-on ${name}: version ${addon.chart.version}`]),
    ...(podSecurity.level === 'restricted' || podSecurity.reason ? [] : [`add-on ${name}: relaxed without a reason`]),
    ...(addon.layer === '00-crds' || addon.layer === '10-operators' ? [] : [`add-on ${name}: layer ${addon.layer}`]),
    ...(twin ? [`add-on ${name}: two that differ`] : []),
    ...missing.map((first) => `add-on ${name}: after ${first}, which nobody brings`),
  ];
}

function isLabel(text: string): boolean {
  return LABEL.test(text) && text.length <= KUBERNETES_NAMES.label.maxLength;
}
