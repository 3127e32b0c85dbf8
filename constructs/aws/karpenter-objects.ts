import { ApiObject } from 'cdk8s';
import type { Capacity } from '../capacity';
import type { KubernetesObjects } from '../cloud/kubernetes-parts';
import type { Layer } from '../layers';
import { KUBERNETES_NAMES, legalName } from '../names';
import { ARCHITECTURE_LABEL } from '../scheduling';
import type { NodeTaint } from '../scheduling';
import type { NodeShape } from '../select-shape';
import type { NodeImage } from './aws-gpu-stack';
import type { NetworkInterface } from './efa';
import { METADATA_OPTIONS } from './launch-template';

/** A pool in Karpenter's terms. Strings may hold tokens. */
export interface KarpenterPool {
  /** Name of the pool, legal as a label. */
  readonly name: string;
  /** Pools that operators run on belong to their layer, so that they are there before them. @default '20-platform' */
  readonly layer?: Layer;
  /** Labels of the nodes. */
  readonly labels: Readonly<Record<string, string>>;
  /** Taints of the nodes. */
  readonly taints: readonly NodeTaint[];
  /** The only instance type. */
  readonly shape: NodeShape;
  /** Image that the nodes boot from. */
  readonly image: NodeImage;
  /** Size of the disk with containers and images, in GiB. */
  readonly diskGiB: number;
  /** Rungs in the order in which they are tried. */
  readonly capacity: readonly Capacity[];
  /** Nodes of one rung, at most. */
  readonly maxNodes: number;
  /** Name of the role of the nodes. */
  readonly roleName: string;
  /** Security group of the nodes. */
  readonly securityGroupId: string;
  /** Ids of the subnets of the nodes. */
  readonly subnetIds: readonly string[];
  /** Tags of the machines. */
  readonly tags: Readonly<Record<string, string>>;
  /** Interfaces of the fast fabric. @default - one ordinary interface */
  readonly interfaces?: readonly NetworkInterface[];
  /** Keeps nodes that are not reserved in one zone. @default - any zone of the subnets */
  readonly zone?: string;
  /** Placement group of on-demand nodes. @default - none */
  readonly placementGroup?: string;
  /** Whether nodes with accelerators that work are replaced for drift. @default false */
  readonly rollingUpdates?: boolean;
}

const HIGHEST_WEIGHT = 100;

/**
 * A NodePool and an EC2NodeClass a rung; the weight keeps the order of the ladder. The limit holds for each rung by itself:
 * Karpenter has none across pools.
 *
 * @see https://karpenter.sh/docs/concepts/nodepools/
 * @see https://karpenter.sh/docs/concepts/disruption/
 */
export function karpenterObjects(pool: KarpenterPool): KubernetesObjects {
  return {
    id: `node-pool-${pool.name}`,
    layer: pool.layer ?? '20-platform',
    define: (chart) => {
      pool.capacity.forEach((rung, index) => {
        const role = rung.kind.replace('-', '');
        const name = legalName(KUBERNETES_NAMES.label, [pool.name, String(index), role], chart);
        new ApiObject(chart, `class-${index}`, {
          apiVersion: 'karpenter.k8s.aws/v1',
          kind: 'EC2NodeClass',
          metadata: { name },
          spec: nodeClass(pool, rung),
        });
        new ApiObject(chart, `pool-${index}`, {
          apiVersion: 'karpenter.sh/v1',
          kind: 'NodePool',
          metadata: { name },
          spec: nodePool(pool, rung, name, Math.max(1, HIGHEST_WEIGHT - index)),
        });
      });
    },
  };
}

function nodeClass(pool: KarpenterPool, rung: Capacity): Record<string, unknown> {
  const { id, tags } = rung.reservation ?? {};
  const manyInterfaces = (pool.interfaces ?? []).length > 0;
  return {
    amiFamily: pool.image.family,
    amiSelectorTerms: [pool.image.selector],
    role: pool.roleName,
    subnetSelectorTerms: pool.subnetIds.map((subnetId) => ({ id: subnetId })),
    securityGroupSelectorTerms: [{ id: pool.securityGroupId }],
    blockDeviceMappings: blockDevices(pool.image, pool.diskGiB),
    metadataOptions: {
      httpEndpoint: METADATA_OPTIONS.httpEndpoint,
      httpTokens: METADATA_OPTIONS.httpTokens,
      httpPutResponseHopLimit: METADATA_OPTIONS.httpPutResponseHopLimit,
      httpProtocolIPv6: 'disabled',
    },
    detailedMonitoring: true,
    tags: { ...pool.tags, Name: pool.name },
    ...(rung.reservation ? { capacityReservationSelectorTerms: [id === undefined ? { tags } : { id }] } : {}),
    // EC2 refuses the public-address flag on machines with several interfaces; the subnets give none either way.
    ...(manyInterfaces ? { networkInterfaces: pool.interfaces } : { associatePublicIPAddress: false }),
    // A group forced upon reserved capacity makes EC2 find none.
    ...(pool.placementGroup && rung.kind === 'on-demand'
      ? { placementGroupSelector: { name: pool.placementGroup } }
      : {}),
    ...((pool.shape.localStorageGB ?? 0) > 0 ? { instanceStorePolicy: 'RAID0' } : {}),
  };
}

function blockDevices(image: NodeImage, diskGiB: number): Record<string, unknown>[] {
  const volume = (deviceName: string, sizeGiB: number, root: boolean): Record<string, unknown> => ({
    deviceName,
    ...(root ? { rootVolume: true } : {}),
    ebs: { volumeSize: `${sizeGiB}Gi`, volumeType: 'gp3', encrypted: true, deleteOnTermination: true },
  });
  const system = image.systemDevice === undefined ? [] : [volume(image.systemDevice, 4, false)];
  return [...system, volume(image.dataDevice, diskGiB, true)];
}

function nodePool(pool: KarpenterPool, rung: Capacity, nodeClassName: string, weight: number): Record<string, unknown> {
  const requirements = [
    { key: 'node.kubernetes.io/instance-type', operator: 'In', values: [pool.shape.name] },
    { key: ARCHITECTURE_LABEL, operator: 'In', values: [pool.shape.architecture] },
    { key: 'kubernetes.io/os', operator: 'In', values: ['linux'] },
    { key: 'karpenter.sh/capacity-type', operator: 'In', values: [rung.kind] },
    ...(pool.zone !== undefined && rung.kind !== 'reserved'
      ? [{ key: 'topology.kubernetes.io/zone', operator: 'In', values: [pool.zone] }]
      : []),
  ];
  return {
    weight,
    limits: limits(pool),
    disruption: pool.shape.accelerator ? gpuDisruption(pool, rung) : CPU_DISRUPTION,
    template: {
      metadata: { labels: pool.labels },
      spec: {
        nodeClassRef: { group: 'karpenter.k8s.aws', kind: 'EC2NodeClass', name: nodeClassName },
        requirements,
        taints: pool.taints.map((taint) => ({ ...taint })),
        expireAfter: '720h',
        // Past it Karpenter ends pods that must not be disrupted, such as those of training.
        ...(pool.shape.accelerator && !pool.rollingUpdates ? {} : { terminationGracePeriod: '24h' }),
      },
    },
  };
}

// One instance type a pool: a limit on its GPUs, or on its CPUs, is a limit on nodes. `nodes` alone can be overrun
// (kubernetes-sigs/karpenter#2657).
function limits(pool: KarpenterPool): Record<string, string> {
  const { accelerator, gpus, vcpus } = pool.shape;
  const counted: Record<string, string> = accelerator
    ? { [accelerator.resourceName]: String(pool.maxNodes * gpus) }
    : { cpu: String(pool.maxNodes * vcpus) };
  return { ...counted, nodes: String(pool.maxNodes) };
}

// A node that works is never taken because it is little used. A reservation has no room for the successor of a drifted one, which
// another rung would have to pay for.
function gpuDisruption({ rollingUpdates }: KarpenterPool, { reservation }: Capacity): Record<string, unknown> {
  return {
    consolidationPolicy: 'WhenEmpty',
    consolidateAfter: '10m',
    budgets: [
      { nodes: '0', reasons: ['Underutilized'] },
      { nodes: rollingUpdates && reservation === undefined ? '10%' : '0', reasons: ['Drifted'] },
      { nodes: '100%', reasons: ['Empty'] },
    ],
  };
}

const CPU_DISRUPTION = {
  consolidationPolicy: 'WhenEmptyOrUnderutilized',
  consolidateAfter: '5m',
  budgets: [{ nodes: '10%' }],
};
