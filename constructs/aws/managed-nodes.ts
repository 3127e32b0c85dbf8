import { DataAwsSubnets } from '@cdktf/provider-aws/lib/data-aws-subnets';
import { EksNodeGroup } from '@cdktf/provider-aws/lib/eks-node-group';
import type { LaunchTemplateConfig } from '@cdktf/provider-aws/lib/launch-template';
import type { Construct } from 'constructs';
import type { Capacity } from '../capacity';
import { legalName } from '../names';
import type { NodeTaint } from '../scheduling';
import type { NodeShape } from '../select-shape';
import type { NodeImage } from './aws-gpu-stack';
import type { NetworkInterface } from './efa';
import { noManagedGroup } from './errors';
import { nodeTemplate } from './launch-template';
import { AWS_NAMES } from './names';
import { EKS_EFFECTS } from './system-nodes';

/** Nodes of a fixed number. Strings may be tokens. */
export interface ManagedNodesProps {
  /** Name of the pool, legal as a label. */
  readonly poolName: string;
  /** Name of the cluster; may be a token. */
  readonly clusterName: string;
  /** ARN of the role of the nodes. */
  readonly roleArn: string;
  /** Ids of the subnets of the nodes. */
  readonly subnetIds: readonly string[];
  /** Security group of the nodes. */
  readonly securityGroupId: string;
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
  /** Where the machines come from. */
  readonly rung: Capacity;
  /** Nodes at least. */
  readonly minNodes: number;
  /** Nodes that are started. */
  readonly nodes: number;
  /** Tags of the machines. */
  readonly tags: Readonly<Record<string, string>>;
  /** Interfaces of the fast fabric; empty for one ordinary interface. */
  readonly interfaces: readonly NetworkInterface[];
  /** The only zone of the nodes. @default - all zones of the subnets */
  readonly zone?: string;
  /** @default - none */
  readonly placementGroup?: string;
}

/**
 * A managed node group: the fixed part of a pool, or a Capacity Block.
 *
 * @throws LNMT2009 for a reservation that is named by tags, and for an image that managed node groups cannot use
 * @see https://docs.aws.amazon.com/eks/latest/userguide/capacity-blocks-mng.html
 */
export function managedNodes(scope: Construct, id: string, props: ManagedNodesProps): EksNodeGroup {
  const { rung, shape, image } = props;
  checkManaged(scope, props);
  const template = nodeTemplate(scope, `${id}Template`, {
    machineName: `${props.clusterName}-${props.poolName}`,
    tags: props.tags,
    diskGiB: props.diskGiB,
    dataDevice: image.dataDevice,
    also: templateArguments(props),
  });
  return new EksNodeGroup(scope, id, {
    clusterName: props.clusterName,
    nodeGroupName: legalName(AWS_NAMES.nodeGroup, [props.poolName, rung.isBlock ? 'block' : 'fixed'], scope),
    nodeRoleArn: props.roleArn,
    subnetIds: zoneSubnets(scope, id, props),
    amiType: image.managedType,
    capacityType: capacityType(rung),
    // EC2 takes the type of a Capacity Block from the launch template only.
    instanceTypes: rung.isBlock ? undefined : [shape.name],
    launchTemplate: { id: template.id, version: template.latestVersion.toString() },
    scalingConfig: { minSize: props.minNodes, desiredSize: props.nodes, maxSize: props.nodes },
    updateConfig: { maxUnavailable: 1 },
    nodeRepairConfig: { enabled: true },
    labels: { ...props.labels },
    taint: props.taints.map(({ key, value, effect }) => ({ key, value, effect: EKS_EFFECTS[effect] })),
  });
}

function checkManaged(scope: Construct, { image, rung }: ManagedNodesProps): void {
  if (image.managedType === undefined) {
    throw noManagedGroup(
      scope,
      'which takes images of Amazon only',
      'use AwsGpuStack.al2023() or .bottlerocket(), or set minNodes to 0 and use other capacity',
    );
  }
  if (rung.reservation && rung.reservation.id === undefined) {
    throw noManagedGroup(
      scope,
      'which takes a reservation by its id only',
      'name the reservation by id in the first rung of capacity, or set minNodes to 0',
    );
  }
}

function capacityType(rung: Capacity): string {
  if (rung.isBlock) return 'CAPACITY_BLOCK';
  return rung.kind === 'spot' ? 'SPOT' : 'ON_DEMAND';
}

function templateArguments(props: ManagedNodesProps): LaunchTemplateConfig {
  const { rung } = props;
  const reservationId = rung.reservation?.id;
  return {
    instanceType: rung.isBlock ? props.shape.name : undefined,
    instanceMarketOptions: rung.isBlock ? { marketType: 'capacity-block' } : undefined,
    capacityReservationSpecification:
      reservationId === undefined ? undefined : { capacityReservationTarget: { capacityReservationId: reservationId } },
    placement:
      props.placementGroup !== undefined && rung.kind === 'on-demand' ? { groupName: props.placementGroup } : undefined,
    networkInterfaces:
      props.interfaces.length === 0
        ? undefined
        : props.interfaces.map((each) => ({
            ...each,
            securityGroups: [props.securityGroupId],
            deleteOnTermination: 'true',
          })),
  };
}

function zoneSubnets(scope: Construct, id: string, props: ManagedNodesProps): string[] {
  if (props.zone === undefined) return [...props.subnetIds];
  return new DataAwsSubnets(scope, `${id}Subnets`, {
    filter: [
      { name: 'subnet-id', values: [...props.subnetIds] },
      { name: 'availability-zone', values: [props.zone] },
    ],
  }).ids;
}
