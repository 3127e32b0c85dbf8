import type { Accelerator } from './accelerators';
import type { INodePool } from './cloud';
import { PodResources } from './kubernetes';

// What a whole-node job may take: the rest is the kubelet's, the system's and the daemons'.
const JOB_SHARE = 0.8;

/** What one node of a pool offers to a queue, by resource. */
export function nodeResources(pool: INodePool, accelerator: Accelerator): Record<string, string> {
  return {
    cpu: String(pool.shape.vcpus),
    memory: `${Math.floor(pool.shape.memoryGiB)}Gi`,
    [accelerator.resourceName]: String(pool.shape.gpus),
    ...pool.fabricResources,
  };
}

/** Requests of a job that has a node to itself. */
export function jobResources(pool: INodePool): PodResources {
  return PodResources.of({
    cpu: String(Math.max(1, Math.floor(pool.shape.vcpus * JOB_SHARE))),
    memory: `${Math.max(1, Math.floor(pool.shape.memoryGiB * JOB_SHARE))}Gi`,
  });
}
