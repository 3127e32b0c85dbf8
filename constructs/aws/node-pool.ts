import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import type { KubernetesParts } from '../cloud/kubernetes-parts';
import type { INodePool, NodePoolProps } from '../cloud/node-pool';
import type { Placement } from '../scheduling';
import { poolLabels, poolPlacement } from '../scheduling';
import type { NodeShape } from '../select-shape';
import { selectShape } from '../select-shape';
import { AwsGpuStack } from './aws-gpu-stack';
import { EksCluster } from './cluster';
import { AWS } from './context';
import type { AwsContext } from './context';
import { AWS_CPU_SHAPES } from './cpu-shapes';
import { karpenterObjects } from './karpenter-objects';
import { managedNodes } from './managed-nodes';
import { planPool, partOf } from './node-pool-common';
import { expectRegion } from './regions';

const DISK_GIB = 100;

/** Props of a pool without accelerators on EKS. */
export interface AwsNodePoolProps extends NodePoolProps, AwsContext {
  /** Whose image family the nodes use. @default AwsGpuStack.al2023() */
  readonly gpuStack?: AwsGpuStack;
}

/**
 * A pool of nodes without accelerators: Karpenter scales it between `minNodes` and `maxNodes`; the minimum is a managed node
 * group of fixed size, because Karpenter has none.
 */
export class EksNodePool extends Construct implements INodePool {
  readonly cloud = AWS;
  readonly kubernetes: KubernetesParts;
  readonly poolName: string;
  readonly shape: NodeShape;
  readonly minNodes: number;
  readonly maxNodes: number;
  readonly placement: Placement;
  readonly fabricResources: Readonly<Record<string, string>> = {};

  constructor(scope: Construct, id: string, props: AwsNodePoolProps) {
    super(scope, id);
    const cluster = EksCluster.expect(this, props.cluster);
    expectRegion(this, 'cluster', cluster, props.region);
    const plan = planPool(this, cluster, props);
    this.poolName = plan.poolName;
    this.minNodes = plan.minNodes;
    this.maxNodes = plan.maxNodes;
    this.shape = chooseShape(this, props);
    this.placement = poolPlacement(this.poolName);
    const shared = {
      labels: poolLabels(this.poolName),
      taints: [],
      shape: this.shape,
      image: (props.gpuStack ?? AwsGpuStack.al2023()).cpuImage(this.shape.architecture),
      diskGiB: DISK_GIB,
      securityGroupId: cluster.clusterSecurityGroupId,
      subnetIds: partOf(this, cluster, 'subnetIds'),
      tags: props.tags ?? {},
    };
    const fixedNodes = plan.block ? plan.maxNodes : plan.minNodes;
    const [rung] = plan.capacity;
    if (fixedNodes > 0 && rung) {
      managedNodes(this, 'FixedNodes', {
        ...shared,
        poolName: this.poolName,
        clusterName: cluster.clusterName,
        roleArn: partOf(this, cluster, 'managedRoleArn'),
        rung,
        minNodes: plan.minNodes,
        nodes: fixedNodes,
        interfaces: [],
      });
    }
    const elastic = plan.maxNodes - fixedNodes;
    const objects =
      elastic > 0
        ? [
            karpenterObjects({
              ...shared,
              name: this.poolName,
              layer: '10-operators',
              capacity: plan.capacity,
              maxNodes: elastic,
              roleName: partOf(this, cluster, 'karpenterRoleName'),
            }),
          ]
        : [];
    this.kubernetes = { addons: [], objects };
  }
}

function chooseShape(scope: IConstruct, props: NodePoolProps): NodeShape {
  const request = { vcpus: props.vcpus ?? 4, memoryGiB: props.memoryGiB ?? 16 };
  return selectShape(AWS, AWS_CPU_SHAPES, request, props.prices, scope);
}
