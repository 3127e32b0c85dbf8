import { ApiObject } from 'cdk8s';
import type { Chart } from 'cdk8s';
import type { KubernetesObjects } from '../cloud/kubernetes-parts';
import { LABELS, MANAGED_BY } from '../../runtime/contract';

/** Adds a namespace that admits restricted pods only. */
export function restrictedNamespace(chart: Chart, name: string): ApiObject {
  return new ApiObject(chart, 'Namespace', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name,
      labels: {
        [LABELS.managedBy]: MANAGED_BY,
        'pod-security.kubernetes.io/enforce': 'restricted',
        'pod-security.kubernetes.io/warn': 'restricted',
      },
    },
  });
}

/** The namespace of a building block: everything that it runs in the cluster lives there, and nothing else does. */
export function ownNamespace(name: string): KubernetesObjects {
  return { id: 'namespace', layer: '00-crds', define: (chart) => void restrictedNamespace(chart, name) };
}
