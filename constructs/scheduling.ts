import type { Accelerator } from './accelerators';
import { LABELS } from '../runtime/contract';

/** A taint of nodes, with the toleration that answers it: spelled once for node pools and for pods. */
export interface NodeTaint {
  readonly key: string;
  readonly value: string;
  readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
}

/** Keeps pods that ask for no GPU off GPU nodes; the same key on every target. */
export const GPU_TAINT: NodeTaint = { key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' };

/** Keeps everything but the cluster's own add-ons off the system pool. */
export const SYSTEM_TAINT: NodeTaint = { key: 'CriticalAddonsOnly', value: 'true', effect: 'NoSchedule' };

/** Lets what a cluster needs before it has other nodes run on the system pool. */
export const SYSTEM_TOLERATION = { key: SYSTEM_TAINT.key, operator: 'Exists', effect: SYSTEM_TAINT.effect } as const;

/** Label that every kubelet puts on its node. @see https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-arch */
export const ARCHITECTURE_LABEL = 'kubernetes.io/arch';

/** Where pods go: what a node pool tells its consumers. */
export interface Placement {
  /** Labels that a node must carry. */
  readonly nodeSelector: Readonly<Record<string, string>>;
  /** Taints that the pod tolerates. */
  readonly tolerations: readonly NodeTaint[];
}

/** Placement on the nodes of one pool. */
export function poolPlacement(pool: string, taints: readonly NodeTaint[] = []): Placement {
  return { nodeSelector: { [LABELS.nodePool]: pool }, tolerations: taints };
}

/** Labels that every node of a pool carries, on every target. */
export function poolLabels(pool: string, accelerator?: Accelerator): Record<string, string> {
  return { [LABELS.nodePool]: pool, ...(accelerator ? { [LABELS.accelerator]: accelerator.name } : {}) };
}
