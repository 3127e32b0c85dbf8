import { ApiObject } from 'cdk8s';
import type { Chart } from 'cdk8s';
import { TerraformStack } from 'cdktf';
import type { IConstruct } from 'constructs';
import type { KubernetesObjects } from '../cloud/kubernetes-parts';
import type { RemovalPolicy } from '../stateful';
import { LABELS, MANAGED_BY } from '../../runtime/contract';

/**
 * Lets Helm, Flux and Argo CD leave an object behind when its release is removed.
 *
 * @see https://helm.sh/docs/howto/charts_tips_and_tricks/#tell-helm-not-to-uninstall-a-resource
 * @see https://fluxcd.io/flux/components/kustomize/kustomizations/#prune
 * @see https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/
 */
export const KEEP = {
  'helm.sh/resource-policy': 'keep',
  'kustomize.toolkit.fluxcd.io/prune': 'disabled',
  'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
} as const;

const CLAIMED = Symbol.for('lnmt/onprem/namespaces');

/**
 * A namespace that admits restricted pods only, once a stack. It is left behind with what is in it, unless that is to be destroyed:
 * removing a namespace removes also what Helm was told to keep.
 */
export function ownNamespace(
  scope: IConstruct,
  name: string,
  onRemoval: RemovalPolicy = 'retain',
): KubernetesObjects[] {
  const stack = TerraformStack.of(scope) as TerraformStack & { [CLAIMED]?: Set<string> };
  const claimed = (stack[CLAIMED] ??= new Set());
  if (claimed.has(name)) return [];
  claimed.add(name);
  return [{ id: 'namespace', layer: '00-crds', define: (chart) => defineNamespace(chart, name, onRemoval) }];
}

function defineNamespace(chart: Chart, name: string, onRemoval: RemovalPolicy): void {
  new ApiObject(chart, 'Namespace', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name,
      ...(onRemoval === 'retain' ? { annotations: KEEP } : {}),
      labels: {
        [LABELS.managedBy]: MANAGED_BY,
        'pod-security.kubernetes.io/enforce': 'restricted',
        'pod-security.kubernetes.io/warn': 'restricted',
      },
    },
  });
}
