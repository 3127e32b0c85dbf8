import { EksNodeGroup } from '@cdktf/provider-aws/lib/eks-node-group';
import type { ITerraformDependable } from 'cdktf';
import type { Construct } from 'constructs';
import { ordered, wholeNumber } from '../checks';
import type { SystemNodesOptions } from '../cloud/cluster';
import { legalName } from '../names';
import { SYSTEM_TAINT, poolLabels } from '../scheduling';
import { selectShape } from '../select-shape';
import { AWS } from './context';
import { AWS_CPU_SHAPES } from './cpu-shapes';
import { nodeTemplate } from './launch-template';
import { AWS_NAMES } from './names';

/** Effects in the words of the EKS API. */
export const EKS_EFFECTS = {
  NoSchedule: 'NO_SCHEDULE',
  PreferNoSchedule: 'PREFER_NO_SCHEDULE',
  NoExecute: 'NO_EXECUTE',
} as const;

/** The system pool of a cluster. */
export interface SystemNodesProps {
  /** From the general to the particular, e.g. `['ml']`; resource names are made of it. */
  readonly naming: readonly string[];
  /** Name of the cluster; may be a token. */
  readonly clusterName: string;
  /** Kubernetes version of the nodes. */
  readonly version: string;
  /** ARN of the role of its nodes. */
  readonly nodeRoleArn: string;
  /** Ids of the subnets of the nodes. */
  readonly subnetIds: readonly string[];
  /** Size of the pool. */
  readonly options: SystemNodesOptions;
  /** Tags of the machines. */
  readonly tags: Readonly<Record<string, string>>;
  /** What has to exist before the nodes. */
  readonly dependsOn: readonly ITerraformDependable[];
}

/** Name of the system pool: the label of its nodes. */
export const SYSTEM_POOL = 'system';

/**
 * Nodes for the cluster's own add-ons, Karpenter among them, which therefore cannot come from Karpenter. Nothing else is
 * scheduled there. The maximum is room for updates: nothing scales this group by itself.
 */
export function systemNodes(scope: Construct, props: SystemNodesProps): EksNodeGroup {
  const { minNodes = 2, maxNodes = 4, vcpus = 2, memoryGiB = 8 } = props.options;
  wholeNumber(scope, 'systemNodes.minNodes', minNodes, { min: 1, unit: 'nodes' });
  wholeNumber(scope, 'systemNodes.maxNodes', maxNodes, { min: 1, unit: 'nodes' });
  ordered(scope, ['systemNodes.minNodes', minNodes], ['systemNodes.maxNodes', maxNodes]);
  const shape = selectShape(AWS, AWS_CPU_SHAPES, { vcpus, memoryGiB, architecture: 'amd64' }, {}, scope);
  const template = nodeTemplate(scope, 'SystemTemplate', {
    machineName: `${props.clusterName}-${SYSTEM_POOL}`,
    tags: props.tags,
    diskGiB: 50,
  });
  const group = new EksNodeGroup(scope, 'SystemNodes', {
    clusterName: props.clusterName,
    nodeGroupName: legalName(AWS_NAMES.nodeGroup, [...props.naming, SYSTEM_POOL], scope),
    nodeRoleArn: props.nodeRoleArn,
    subnetIds: [...props.subnetIds],
    version: props.version,
    amiType: 'AL2023_x86_64_STANDARD',
    capacityType: 'ON_DEMAND',
    instanceTypes: [shape.name],
    launchTemplate: { id: template.id, version: template.latestVersion.toString() },
    scalingConfig: { minSize: minNodes, desiredSize: minNodes, maxSize: maxNodes },
    updateConfig: { maxUnavailable: 1 },
    nodeRepairConfig: { enabled: true },
    labels: poolLabels(SYSTEM_POOL),
    taint: [{ key: SYSTEM_TAINT.key, value: SYSTEM_TAINT.value, effect: EKS_EFFECTS[SYSTEM_TAINT.effect] }],
    dependsOn: [...props.dependsOn],
  });
  group.lifecycle = { ignoreChanges: ['scaling_config[0].desired_size'] };
  return group;
}
