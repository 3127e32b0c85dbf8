import type { Addon } from './addon';
import { CATALOGUE } from './catalogue';

/** Where Karpenter runs; the cloud binds its identity to this service account. */
export const KARPENTER = { namespace: 'kube-system', serviceAccountName: 'karpenter' } as const;

const GROUPS = ['karpenter.sh', 'karpenter.k8s.aws'] as const;

/** Options of {@link karpenter}. Strings may be late-bound. */
export interface KarpenterOptions {
  /** Name of the EKS cluster. */
  readonly clusterName: string;
  /** Name of the SQS queue that announces interruptions. @default - spot interruptions are not noticed in advance */
  readonly interruptionQueue?: string;
}

/** Karpenter for AWS: its definitions, and the controller on the system nodes. @see https://karpenter.sh/docs/ */
export function karpenter(options: KarpenterOptions): readonly Addon[] {
  const shared = {
    namespace: KARPENTER.namespace,
    podSecurity: { level: 'restricted' as const },
  };
  return [
    {
      ...shared,
      name: 'karpenter-crd',
      layer: '00-crds',
      chart: CATALOGUE.karpenterCrd,
      values: { additionalAnnotations: { 'helm.sh/resource-policy': 'keep' } },
      provides: GROUPS,
    },
    {
      ...shared,
      name: 'karpenter',
      layer: '10-operators',
      chart: CATALOGUE.karpenter,
      values: {
        serviceAccount: { create: true, name: KARPENTER.serviceAccountName },
        settings: { clusterName: options.clusterName, interruptionQueue: options.interruptionQueue },
        controller: { resources: { requests: { cpu: '500m', memory: '1Gi' }, limits: { memory: '1Gi' } } },
      },
      serves: GROUPS,
    },
  ];
}
