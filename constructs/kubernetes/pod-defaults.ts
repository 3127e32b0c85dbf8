import { GPU_TAINT } from '../scheduling';
import type { NodeTaint, Placement } from '../scheduling';
import { RUN_AS } from '../../runtime/contract';

/** Security context of a pod: everything that `restricted` asks for at this level. */
export function podSecurity(): PodSecurityContext {
  return {
    runAsNonRoot: true,
    runAsUser: RUN_AS.user,
    runAsGroup: RUN_AS.group,
    fsGroup: RUN_AS.group,
    fsGroupChangePolicy: 'OnRootMismatch',
    seccompProfile: { type: 'RuntimeDefault' },
  };
}

/** Security context of a pod. @see https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted */
export interface PodSecurityContext {
  readonly runAsNonRoot: true;
  readonly runAsUser: number;
  readonly runAsGroup: number;
  readonly fsGroup: number;
  readonly fsGroupChangePolicy: 'OnRootMismatch';
  readonly seccompProfile: { readonly type: 'RuntimeDefault' };
}

/** Security context of a container: no privilege, no capability, a read-only root file system. */
export const CONTAINER_SECURITY = {
  allowPrivilegeEscalation: false,
  privileged: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  capabilities: { drop: ['ALL'] },
} as const;

/** Parts of a pod that every workload of LNMT shares. */
export function restrictedPod(serviceAccountName: string): RestrictedPod {
  return {
    serviceAccountName,
    // Cloud identities bring their own projected token, so nothing here needs the API server.
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: podSecurity(),
  };
}

/** What {@link restrictedPod} returns. */
export interface RestrictedPod {
  readonly serviceAccountName: string;
  readonly automountServiceAccountToken: false;
  readonly enableServiceLinks: false;
  readonly securityContext: PodSecurityContext;
}

/** A volume on the node's disk or in memory, with a size at which the pod is evicted instead of filling the node. */
export function sizedEmptyDir(name: string, sizeLimit: string, medium?: 'Memory'): EmptyDirVolume {
  return { name, emptyDir: { sizeLimit, ...(medium ? { medium } : {}) } };
}

/** What {@link sizedEmptyDir} returns. */
export interface EmptyDirVolume {
  readonly name: string;
  readonly emptyDir: { readonly sizeLimit: string; readonly medium?: 'Memory' };
}

/** A toleration of a pod. */
export interface Toleration {
  readonly key: string;
  readonly operator: 'Equal' | 'Exists';
  readonly value?: string;
  readonly effect: NodeTaint['effect'];
}

/**
 * Node selector and tolerations of a pod. A pod with an accelerator always tolerates the GPU taint, with any value,
 * because clusters that LNMT did not make write other values or none.
 */
export function placementOf(
  placement: Placement | undefined,
  hasAccelerator: boolean,
): { readonly nodeSelector?: Readonly<Record<string, string>>; readonly tolerations?: readonly Toleration[] } {
  const taints = placement?.tolerations ?? [];
  const tolerations: Toleration[] = taints
    .filter((taint) => !hasAccelerator || taint.key !== GPU_TAINT.key)
    .map(({ key, value, effect }) => ({ key, operator: 'Equal', value, effect }));
  if (hasAccelerator) tolerations.push({ key: GPU_TAINT.key, operator: 'Exists', effect: GPU_TAINT.effect });
  return {
    ...(placement && Object.keys(placement.nodeSelector).length > 0 ? { nodeSelector: placement.nodeSelector } : {}),
    ...(tolerations.length > 0 ? { tolerations } : {}),
  };
}
