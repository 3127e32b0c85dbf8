import type { IConstruct } from 'constructs';
import type { INodePool } from './cloud';
import { poolTooSmall } from './errors';
import type { PodResources } from './kubernetes';

/** What one replica asks for. */
export interface ReplicaNeeds {
  readonly maxReplicas: number;
  /** Accelerators of one replica; 0 for none. */
  readonly gpus: number;
  /** CPU and memory. */
  readonly resources: PodResources;
  /** One node a replica. */
  readonly strict: boolean;
}

// Shares of a node that pods can have: the rest is the kubelet's, the system's and the daemons'.
const USABLE_CPU = 0.9;
const USABLE_MEMORY = 0.85;

/** Checks that the largest number of replicas fits into a pool. @throws LNMT1009 when it does not */
export function replicasFit(scope: IConstruct, pool: INodePool | undefined, needs: ReplicaNeeds): void {
  if (pool === undefined) return;
  const perNode = needs.strict ? Math.min(1, replicasPerNode(pool, needs)) : replicasPerNode(pool, needs);
  const nodes = perNode === 0 ? Number.POSITIVE_INFINITY : Math.ceil(needs.maxReplicas / perNode);
  if (nodes > pool.maxNodes) {
    throw poolTooSmall(
      scope,
      { maxReplicas: needs.maxReplicas, perNode, nodes },
      { name: pool.poolName, maxNodes: pool.maxNodes },
    );
  }
}

function replicasPerNode(pool: INodePool, needs: ReplicaNeeds): number {
  const { shape } = pool;
  return Math.min(
    needs.gpus > 0 ? Math.floor(shape.gpus / needs.gpus) : needs.maxReplicas,
    Math.floor((shape.vcpus * USABLE_CPU) / cores(needs.resources.cpu)),
    Math.floor((shape.memoryGiB * USABLE_MEMORY) / gibibytes(needs.resources.memory)),
  );
}

function cores(quantity: string): number {
  return quantity.endsWith('m') ? Number(quantity.slice(0, -1)) / 1000 : Number(quantity);
}

/** @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
const MEMORY_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

function gibibytes(quantity: string): number {
  const match = /^([0-9.]+)([A-Za-z]*)$/.exec(quantity);
  return (Number(match?.[1] ?? 0) * (MEMORY_UNITS[match?.[2] ?? ''] ?? 1)) / 2 ** 30;
}
