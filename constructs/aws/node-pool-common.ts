import { Token } from 'cdktf';
import type { IConstruct } from 'constructs';
import { Capacity } from '../capacity';
import { ordered, wholeNumber } from '../checks';
import { KUBERNETES_NAMES, legalName } from '../names';
import type { IEksCluster } from './cluster-types';
import { adoptedClusterLacks, blockSharesLadder, emptyList, poolNameTaken, unusableReservation } from './errors';
import { SYSTEM_POOL } from './system-nodes';

/** What pools with and without GPUs are asked for alike. */
export interface PoolRequest {
  /** Name of the pool, as the program writes it. */
  readonly name: string;
  /** Nodes at least. @default 0 */
  readonly minNodes?: number;
  /** Nodes at most. */
  readonly maxNodes: number;
  /** Rungs in the order in which they are tried. @default [Capacity.onDemand()] */
  readonly capacity?: readonly Capacity[];
}

/** A checked request. */
export interface PoolPlan {
  /** Legal as a name of objects and as a label. */
  readonly poolName: string;
  /** Nodes at least. */
  readonly minNodes: number;
  /** Nodes at most. */
  readonly maxNodes: number;
  /** Rungs in the order in which they are tried. */
  readonly capacity: readonly Capacity[];
  /** The Capacity Block, when the pool is made of one. @default - Karpenter provides the pool */
  readonly block?: Capacity;
}

const POOL_NAMES = new WeakMap<IEksCluster, Set<string>>();

/**
 * Checks what a pool is asked for.
 *
 * @throws LNMT1002 or LNMT1003 for numbers of nodes, LNMT2005 for a Capacity Block beside other rungs, LNMT2007 for an empty
 * ladder, LNMT2008 for a malformed reservation id, LNMT2012 for a name that another pool of the cluster has
 */
export function planPool(scope: IConstruct, cluster: IEksCluster, request: PoolRequest): PoolPlan {
  const minNodes = wholeNumber(scope, 'minNodes', request.minNodes ?? 0, { min: 0, unit: 'nodes' });
  const maxNodes = wholeNumber(scope, 'maxNodes', request.maxNodes, { min: 1, unit: 'nodes' });
  ordered(scope, ['minNodes', minNodes], ['maxNodes', maxNodes]);
  const capacity = request.capacity ?? [Capacity.onDemand()];
  if (capacity.length === 0) throw emptyList(scope, 'capacity');
  const block = capacity.find((rung) => rung.isBlock);
  if (block !== undefined && capacity.length > 1) {
    throw blockSharesLadder(
      scope,
      capacity.map((rung) => (rung.isBlock ? 'block' : rung.kind)),
    );
  }
  for (const { reservation } of capacity) {
    const id = reservation?.id;
    if (id !== undefined && !Token.isUnresolved(id) && !/^cr-[0-9a-z]+$/.test(id)) {
      throw unusableReservation(scope, id);
    }
  }
  return { poolName: uniqueName(scope, cluster, request.name), minNodes, maxNodes, capacity, block };
}

// Two pools of one name would write the same objects, and the later one would win without a word.
function uniqueName(scope: IConstruct, cluster: IEksCluster, name: string): string {
  const poolName = legalName(KUBERNETES_NAMES.label, [name], scope);
  const taken = POOL_NAMES.get(cluster) ?? new Set([SYSTEM_POOL]);
  if (taken.has(poolName)) throw poolNameTaken(scope, name, [...taken]);
  POOL_NAMES.set(cluster, taken.add(poolName));
  return poolName;
}

/** A part of the cluster that pools need. @throws LNMT2006 when the adopted cluster was imported without it */
export function partOf<K extends 'karpenterRoleName' | 'managedRoleArn' | 'subnetIds'>(
  scope: IConstruct,
  cluster: IEksCluster,
  property: K,
): NonNullable<IEksCluster['nodes'][K]> {
  const part = cluster.nodes[property];
  if (part === undefined) throw adoptedClusterLacks(scope, property, 'the node pool');
  return part;
}
