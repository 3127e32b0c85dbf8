import type { KubernetesObjects } from './cloud';
import { PlatformNamespace } from './kubernetes';
import type { KubernetesVersion } from './versions';

/** Names of the namespaces that a platform's workloads live in. */
export interface PlatformNamespaceNames {
  readonly inference: string;
  readonly training: string;
}

/** The namespaces of a platform: restricted, closed both ways, with quotas and defaults. */
export function platformNamespaces(
  names: PlatformNamespaceNames,
  platform: string,
  kubernetesVersion: KubernetesVersion,
): readonly KubernetesObjects[] {
  return (['inference', 'training'] as const).map((role) => ({
    id: `namespace-${role}`,
    layer: '20-platform',
    define: (chart) => void new PlatformNamespace(chart, role, { name: names[role], platform, kubernetesVersion }),
  }));
}
