import type { IConstruct } from 'constructs';
import type { Accelerator } from './accelerators';
import type { ICloud, INodePool } from './cloud';
import { architectureMismatch, poolTooSmall, replicaFitsNoNode } from './errors';
import type { LnmtError } from './errors';
import type { PodResources } from './kubernetes';
import { amount } from './kubernetes/quantity';
import { ARCHITECTURE_LABEL } from './scheduling';
import type { Placement } from './scheduling';
import { selectShape } from './select-shape';
import type { Architecture, NodeShape, PriceTable } from './select-shape';

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
/** What a product of a share may be off by. */
const ROUNDING = 1e-9;
/** Nodes that a message lists. */
const LARGEST = 3;

/**
 * Checks that the largest number of replicas fits into a pool, and can be updated there.
 *
 * @throws LNMT1009 when not, LNMT1023 when no node of it holds a single one
 */
export function replicasFit(scope: IConstruct, pool: INodePool | undefined, needs: ReplicaNeeds): void {
  if (pool === undefined) return;
  const perNode = replicasPerNode(pool.shape, needs);
  if (perNode === 0) throw fitsNowhere(scope, `of pool ${pool.poolName}`, [pool.shape], needs);
  const nodes = Math.ceil((needs.maxReplicas + needs.surge) / perNode);
  if (nodes > pool.maxNodes) {
    throw poolTooSmall(scope, { ...needs, perNode, nodes }, { name: pool.poolName, maxNodes: pool.maxNodes });
  }
}

/** What an endpoint asks of a pool that it has for itself. */
export interface OwnPool {
  /** vCPUs that hold a replica beside what the node keeps. */
  readonly vcpus: number;
  /** Memory in GiB that holds a replica beside what the node keeps. */
  readonly memoryGiB: number;
  /** Nodes that the largest number of replicas fills. */
  readonly nodes: number;
}

/**
 * A pool that an endpoint has for itself: of the smallest nodes that hold a replica, and as many as it can fill.
 *
 * @throws LNMT1006 when the target has no such accelerator, LNMT1023 when none of its nodes with one holds a replica
 */
export function ownPool(
  scope: IConstruct,
  cloud: ICloud,
  { accelerator, prices }: { readonly accelerator: Accelerator; readonly prices?: PriceTable },
  needs: ReplicaNeeds,
): OwnPool {
  const carrying = cloud.nodeShapes.filter((shape) => shape.accelerator?.name === accelerator.name);
  if (carrying.length > 0 && carrying.every((shape) => replicasPerNode(shape, needs) === 0)) {
    throw fitsNowhere(scope, `with ${accelerator.name}`, carrying, needs);
  }
  const { cores, gibibytes } = asked(needs.resources);
  const vcpus = Math.max(1, Math.ceil(cores / USABLE_CPU - ROUNDING));
  const memoryGiB = Math.max(1, Math.ceil((gibibytes / USABLE_MEMORY - ROUNDING) * 100) / 100);
  const request = { accelerator, gpus: needs.gpus, vcpus, memoryGiB };
  const shape = selectShape(cloud.name, cloud.nodeShapes, request, prices, scope);
  return { vcpus, memoryGiB, nodes: Math.ceil((needs.maxReplicas + needs.surge) / replicasPerNode(shape, needs)) };
}

/**
 * Where pods go whose image runs on some CPUs only.
 *
 * @param architectures those that the image is built for
 * @throws LNMT1024 for a pool of others
 */
export function placementFor(
  scope: IConstruct,
  pool: INodePool | undefined,
  architectures: readonly Architecture[] = ['amd64'],
): Placement | undefined {
  if (pool !== undefined && !architectures.includes(pool.shape.architecture)) {
    throw architectureMismatch(scope, architectures, { name: pool.poolName, shape: pool.shape });
  }
  const [only, ...others] = architectures;
  if (only === undefined || others.length > 0) return pool?.placement;
  const { nodeSelector = {}, tolerations = [] } = pool?.placement ?? {};
  return { nodeSelector: { ...nodeSelector, [ARCHITECTURE_LABEL]: only }, tolerations };
}

function replicasPerNode(shape: NodeShape, { strict, gpus, resources }: ReplicaNeeds): number {
  const { cores, gibibytes } = asked(resources);
  return Math.min(
    strict ? 1 : Number.POSITIVE_INFINITY,
    gpus > 0 ? Math.floor(shape.gpus / gpus) : Number.POSITIVE_INFINITY,
    Math.floor((shape.vcpus * USABLE_CPU) / cores + ROUNDING),
    Math.floor((shape.memoryGiB * USABLE_MEMORY) / gibibytes + ROUNDING),
  );
}

/** What a replica asks for; what is known only later counts as nothing. */
function asked({ cpu, memory }: PodResources): { readonly cores: number; readonly gibibytes: number } {
  return { cores: amount('cpu', cpu) ?? 0, gibibytes: (amount('memory', memory) ?? 0) / 2 ** 30 };
}

function fitsNowhere(scope: IConstruct, place: string, shapes: readonly NodeShape[], needs: ReplicaNeeds): LnmtError {
  const { cores, gibibytes } = asked(needs.resources);
  const none = (holds: (shape: NodeShape) => boolean): boolean => !shapes.some(holds);
  const property = none(({ gpus }) => gpus >= needs.gpus)
    ? 'accelerator'
    : none(({ vcpus }) => vcpus * USABLE_CPU >= cores - ROUNDING)
      ? 'resources.cpu'
      : none(({ memoryGiB }) => memoryGiB * USABLE_MEMORY >= gibibytes - ROUNDING)
        ? 'resources.memory'
        : 'resources';
  const largest = [...shapes].sort((a, b) => b.memoryGiB - a.memoryGiB || b.vcpus - a.vcpus);
  const offers = largest.slice(0, LARGEST).map(({ name, gpus, vcpus, memoryGiB }) => {
    const [cpu, memory] = [vcpus * USABLE_CPU, memoryGiB * USABLE_MEMORY].map(
      (most) => Math.floor((most + ROUNDING) * 100) / 100,
    );
    return `${name} (gpus ${gpus}, cpu ${cpu}, memory ${memory}Gi)`;
  });
  return replicaFitsNoNode(scope, { property, place, gpus: needs.gpus, ...needs.resources }, offers);
}
