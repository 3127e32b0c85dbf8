import type { ManifestObject } from './late-binding';

/** Built-in kinds that live in a namespace. @see https://kubernetes.io/docs/reference/kubernetes-api/ */
export const NAMESPACED_KINDS: ReadonlySet<string> = new Set([
  'ConfigMap',
  'CronJob',
  'DaemonSet',
  'Deployment',
  'HorizontalPodAutoscaler',
  'Ingress',
  'Job',
  'LimitRange',
  'NetworkPolicy',
  'PersistentVolumeClaim',
  'Pod',
  'PodDisruptionBudget',
  'ReplicaSet',
  'ResourceQuota',
  'Role',
  'RoleBinding',
  'Secret',
  'Service',
  'ServiceAccount',
  'StatefulSet',
]);

/** Why an object would keep a waiting release from becoming ready; undefined when it would not. */
export function isUnreadyInWaitingLayer(
  object: ManifestObject,
  neighbours: readonly ManifestObject[],
): string | undefined {
  if (object.kind === 'Service' && (object['spec'] as { type?: unknown } | undefined)?.type === 'LoadBalancer') {
    return 'a load balancer is assigned by a controller that may not run yet';
  }
  if (object.kind === 'PersistentVolumeClaim' && !neighbours.some((other) => mounts(other, object.metadata.name))) {
    return 'a claim is bound only when a pod mounts it';
  }
  return undefined;
}

function mounts(object: ManifestObject, claim: string): boolean {
  return JSON.stringify(object).includes(`"claimName":${JSON.stringify(claim)}`);
}
