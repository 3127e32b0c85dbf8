import { PlacementGroup } from '@cdktf/provider-aws/lib/placement-group';
import { Construct } from 'constructs';
import { efaDevicePlugin } from '../addons/efa-device-plugin';
import { gpuOperator } from '../addons/gpu-operator';
import { oneOf, wholeNumber } from '../checks';
import type { GpuNodePoolProps } from '../cloud/gpu-node-pool';
import type { KubernetesObjects, KubernetesParts } from '../cloud/kubernetes-parts';
import type { INodePool } from '../cloud/node-pool';
import { GPU_TAINT, poolLabels, poolPlacement } from '../scheduling';
import type { Placement } from '../scheduling';
import { selectShape } from '../select-shape';
import type { NodeShape } from '../select-shape';
import { AwsGpuStack } from './aws-gpu-stack';
import { EksCluster } from './cluster';
import type { IEksCluster } from './cluster-types';
import { AWS } from './context';
import type { AwsContext } from './context';
import { efaInterfaces, efaResources } from './efa';
import { AWS_GPU_SHAPES } from './gpu-shapes';
import { karpenterObjects } from './karpenter-objects';
import { managedNodes } from './managed-nodes';
import { planPool, partOf } from './node-pool-common';
import type { PoolPlan } from './node-pool-common';
import { expectRegion } from './regions';
import { offeredZone, reservedZone } from './zones';

/** Props of a GPU pool on EKS. */
export interface AwsGpuNodePoolProps extends GpuNodePoolProps, AwsContext {
  /** Owner of driver, toolkit and device plugin. @default AwsGpuStack.al2023() */
  readonly gpuStack?: AwsGpuStack;
}

/**
 * A pool of GPU nodes. The ladder is Karpenter's: a NodePool a rung, in descending weight. A Capacity Block, and the nodes of
 * `minNodes`, are managed node groups.
 *
 * No startup taint is set: Karpenter itself holds a node to be uninitialized until it advertises the GPUs and the EFA
 * interfaces that were asked for, and buys no second one meanwhile; a taint would need something to take it away.
 *
 * @see https://karpenter.sh/docs/concepts/nodepools/
 */
export class EksGpuNodePool extends Construct implements INodePool {
  readonly cloud = AWS;
  readonly kubernetes: KubernetesParts;
  readonly poolName: string;
  readonly shape: NodeShape;
  readonly minNodes: number;
  readonly maxNodes: number;
  readonly placement: Placement;
  readonly fabricResources: Readonly<Record<string, string>>;
  private readonly useFabric: boolean;

  constructor(scope: Construct, id: string, props: AwsGpuNodePoolProps) {
    super(scope, id);
    const cluster = EksCluster.expect(this, props.cluster);
    expectRegion(this, 'cluster', cluster, props.region);
    const plan = planPool(this, cluster, props);
    const gpus = wholeNumber(this, 'gpusPerNode', props.gpusPerNode ?? 1, { min: 1, unit: 'GPUs' });
    wholeNumber(this, 'diskGiB', props.diskGiB ?? 200, { min: 50, max: 16384, unit: 'GiB' });
    this.poolName = plan.poolName;
    this.minNodes = plan.minNodes;
    this.maxNodes = plan.maxNodes;
    this.shape = selectShape(AWS, AWS_GPU_SHAPES, { ...props, gpus }, props.prices, this);
    const wanted = oneOf(this, 'fabric', props.fabric ?? 'none', ['auto', 'none']) === 'auto';
    this.useFabric = wanted && this.shape.fabric !== undefined;
    this.placement = poolPlacement(this.poolName, [GPU_TAINT]);
    const stack = props.gpuStack ?? AwsGpuStack.al2023();
    const hugePages = plan.block !== undefined && stack.mode === 'al2023';
    this.fabricResources = this.useFabric ? efaResources(this.shape, hugePages) : {};
    this.kubernetes = {
      addons: [gpuOperator({ stack }), ...(this.useFabric ? [efaDevicePlugin()] : [])],
      objects: this.provide(props, cluster, plan, stack),
    };
  }

  private provide(
    props: AwsGpuNodePoolProps,
    cluster: IEksCluster,
    plan: PoolPlan,
    stack: AwsGpuStack,
  ): KubernetesObjects[] {
    const placementGroup = this.placementGroup(cluster, plan);
    const shared = {
      labels: poolLabels(this.poolName, props.accelerator),
      taints: [GPU_TAINT],
      shape: this.shape,
      image: stack.gpuImage(this.shape.architecture, cluster.version),
      diskGiB: props.diskGiB ?? 200,
      securityGroupId: cluster.clusterSecurityGroupId,
      subnetIds: partOf(this, cluster, 'subnetIds'),
      tags: props.tags ?? {},
      placementGroup,
      interfaces: this.useFabric ? efaInterfaces(this.shape) : [],
      rollingUpdates: props.rollingUpdates ?? false,
    };
    const fixedNodes = plan.block ? plan.maxNodes : plan.minNodes;
    const elastic = plan.maxNodes - fixedNodes;
    const { capacity } = plan;
    const [rung] = capacity;
    const anyZone = capacity.some((each, index) => each.kind !== 'reserved' && (elastic > 0 || index === 0));
    const zone = this.useFabric && anyZone ? offeredZone(this, 'OfferedZones', cluster, this.shape.name) : undefined;
    if (fixedNodes > 0 && rung) {
      const id = rung.reservation?.id;
      const roleArn = partOf(this, cluster, 'managedRoleArn');
      managedNodes(this, 'FixedNodes', {
        ...{ ...shared, ...plan, roleArn, rung, nodes: fixedNodes },
        clusterName: cluster.clusterName,
        zone: id === undefined ? zone : reservedZone(this, 'ReservedZone', id),
      });
    }
    if (elastic === 0) return [];
    const roleName = partOf(this, cluster, 'karpenterRoleName');
    return [karpenterObjects({ ...shared, name: this.poolName, capacity, maxNodes: elastic, roleName, zone })];
  }

  private placementGroup(cluster: IEksCluster, plan: PoolPlan): string | undefined {
    if (!this.useFabric || !plan.capacity.some((rung) => rung.kind === 'on-demand')) return undefined;
    return new PlacementGroup(this, 'PlacementGroup', {
      name: `${cluster.clusterName}-${this.poolName}`,
      strategy: 'cluster',
    }).name;
  }
}
