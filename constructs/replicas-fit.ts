import type { IConstruct } from 'constructs';
import type { Accelerator } from './accelerators';
import type { ICloud, INodePool } from './cloud';
import { poolTooSmall } from './errors';
import type { PodResources } from './kubernetes';
import { selectShape } from './select-shape';
import type { NodeShape, PriceTable } from './select-shape';

/** What the replicas of an endpoint ask for. */
export interface ReplicaNeeds {
  readonly maxReplicas: number;
  /** Pods beyond them that an update makes first: without room for those it would wait for good. */
  readonly surge: number;
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

/** Checks that the largest number of replicas fits into a pool, and can be updated there. @throws LNMT1009 when not */
export function replicasFit(scope: IConstruct, pool: INodePool | undefined, needs: ReplicaNeeds): void {
  if (pool === undefined) return;
  const nodes = nodesFor(pool.shape, needs);
  if (nodes > pool.maxNodes) {
    const perNode = replicasPerNode(pool.shape, needs);
    throw poolTooSmall(scope, { ...needs, perNode, nodes }, { name: pool.poolName, maxNodes: pool.maxNodes });
  }
}

/**
 * Nodes at most of a pool that an endpoint has for itself: as many as it can fill, of the shape that the pool will choose.
 *
 * @throws LNMT1006 when the target has no such shape
 */
export function nodesOfOwnPool(
  scope: IConstruct,
  cloud: ICloud,
  request: { readonly accelerator: Accelerator; readonly prices?: PriceTable },
  needs: ReplicaNeeds,
): number {
  const wanted = { accelerator: request.accelerator, gpus: needs.gpus };
  const nodes = nodesFor(selectShape(cloud.name, cloud.nodeShapes, wanted, request.prices, scope), needs);
  return Number.isFinite(nodes) ? nodes : needs.maxReplicas;
}

/** Infinite where one node holds no replica. */
function nodesFor(shape: NodeShape, needs: ReplicaNeeds): number {
  const perNode = replicasPerNode(shape, needs);
  return perNode === 0 ? Number.POSITIVE_INFINITY : Math.ceil((needs.maxReplicas + needs.surge) / perNode);
}

function replicasPerNode(shape: NodeShape, needs: ReplicaNeeds): number {
  return Math.min(
    needs.strict ? 1 : Number.POSITIVE_INFINITY,
    needs.gpus > 0 ? Math.floor(shape.gpus / needs.gpus) : Number.POSITIVE_INFINITY,
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
