import type { ApiClient } from './api-client';
import type { JsonObject } from '../../support/terraform-json';

interface Resource {
  readonly kind: string;
  readonly name: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

/** What lives and dies by itself. */
const EPHEMERAL = new Set([
  'events',
  'leases',
  'endpoints',
  'endpointslices',
  'nodes',
  'csinodes',
  'componentstatuses',
  'apiservices',
  'customresourcedefinitions',
  'flowschemas',
  'prioritylevelconfigurations',
  'ipaddresses',
  'leasecandidates',
]);

/** An object of {@link inventory}: `Kind.group namespace/name`. */
export function inventoryKey(apiVersion: string, kind: string, namespace: string, name: string): string {
  const group = apiVersion.includes('/') ? `.${apiVersion.split('/')[0] ?? ''}` : '';
  return `${kind}${group} ${namespace ? `${namespace}/` : ''}${name}`;
}

/** Every object of a cluster, without what comes and goes by itself. */
export async function inventory(api: ApiClient): Promise<Set<string>> {
  const found = new Set<string>();
  for (const { group, path } of await groupsOf(api)) {
    const { resources } = (await api.request('GET', path)).body as unknown as { resources?: readonly Resource[] };
    for (const { name, kind, verbs } of resources ?? []) {
      if (name.includes('/') || !verbs.includes('list') || EPHEMERAL.has(name)) continue;
      for (const { metadata } of await api.list(`${path}/${name}`))
        found.add(inventoryKey(group ? `${group}/` : '', kind, metadata.namespace ?? '', metadata.name));
    }
  }
  return found;
}

async function groupsOf(api: ApiClient): Promise<{ readonly group: string; readonly path: string }[]> {
  const { groups } = (await api.request('GET', '/apis')).body as unknown as { groups: readonly JsonObject[] };
  const named = groups.map((group) => ({
    group: group['name'] as string,
    path: `/apis/${(group['preferredVersion'] as JsonObject)['groupVersion'] as string}`,
  }));
  return [{ group: '', path: '/api/v1' }, ...named.filter(({ group }) => !group.endsWith('metrics.k8s.io'))];
}
