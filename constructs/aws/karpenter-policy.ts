import { partitionOf } from './context';
import type { PolicyStatement } from './iam';

/** What the policies of Karpenter's controller name. Values may be tokens. */
export interface KarpenterPolicyProps {
  readonly region: string;
  readonly accountId: string;
  readonly clusterName: string;
  readonly clusterArn: string;
  readonly nodeRoleArn: string;
  readonly queueArn: string;
}

/**
 * Permissions of Karpenter 1.14, by purpose. It may create, tag and end only what carries the cluster's own tag.
 *
 * @see https://karpenter.sh/docs/reference/cloudformation/
 */
export function karpenterPolicies(props: KarpenterPolicyProps): Readonly<Record<string, readonly PolicyStatement[]>> {
  return {
    'node-lifecycle': nodeLifecycle(props),
    'instance-profiles': instanceProfiles(props),
    discovery: discovery(props),
  };
}

const OWN_NODES = { 'aws:ResourceTag/karpenter.sh/nodepool': '*' };
const NEW_NODES = { 'aws:RequestTag/karpenter.sh/nodepool': '*' };

function nodeLifecycle(props: KarpenterPolicyProps): PolicyStatement[] {
  const ec2 = (account: string, ...kinds: readonly string[]): string[] =>
    kinds.map((kind) => `arn:${partitionOf(props.region)}:ec2:${props.region}:${account}:${kind}/*`);
  const owned = { [`aws:ResourceTag/kubernetes.io/cluster/${props.clusterName}`]: 'owned' };
  const requested = {
    [`aws:RequestTag/kubernetes.io/cluster/${props.clusterName}`]: 'owned',
    'aws:RequestTag/eks:eks-cluster-name': props.clusterName,
  };
  const launch = ['ec2:RunInstances', 'ec2:CreateFleet'];
  const created = ec2(
    '*',
    'fleet',
    'instance',
    'volume',
    'network-interface',
    'launch-template',
    'spot-instances-request',
  );
  return [
    {
      sid: 'LaunchWith',
      actions: launch,
      resources: [
        ...ec2('', 'image', 'snapshot'),
        ...ec2('*', 'security-group', 'subnet', 'capacity-reservation', 'placement-group'),
      ],
    },
    {
      sid: 'LaunchFromOwnTemplate',
      actions: launch,
      resources: ec2('*', 'launch-template'),
      conditions: { StringEquals: owned, StringLike: OWN_NODES },
    },
    {
      sid: 'CreateTagged',
      actions: [...launch, 'ec2:CreateLaunchTemplate'],
      resources: created,
      conditions: { StringEquals: requested, StringLike: NEW_NODES },
    },
    {
      sid: 'TagWhatIsCreated',
      actions: ['ec2:CreateTags'],
      resources: created,
      conditions: {
        StringEquals: { ...requested, 'ec2:CreateAction': ['RunInstances', 'CreateFleet', 'CreateLaunchTemplate'] },
        StringLike: NEW_NODES,
      },
    },
    {
      sid: 'TagOwnInstances',
      actions: ['ec2:CreateTags'],
      resources: ec2('*', 'instance'),
      conditions: {
        StringEquals: owned,
        StringLike: OWN_NODES,
        StringEqualsIfExists: { 'aws:RequestTag/eks:eks-cluster-name': props.clusterName },
        'ForAllValues:StringEquals': { 'aws:TagKeys': ['eks:eks-cluster-name', 'karpenter.sh/nodeclaim', 'Name'] },
      },
    },
    {
      sid: 'EndOwn',
      actions: ['ec2:TerminateInstances', 'ec2:DeleteLaunchTemplate'],
      resources: ec2('*', 'instance', 'launch-template'),
      conditions: { StringEquals: owned, StringLike: OWN_NODES },
    },
  ];
}

function instanceProfiles(props: KarpenterPolicyProps): PolicyStatement[] {
  const profiles = `arn:${partitionOf(props.region)}:iam::${props.accountId}:instance-profile/*`;
  const tags = (kind: 'ResourceTag' | 'RequestTag'): Record<string, string> => ({
    [`aws:${kind}/kubernetes.io/cluster/${props.clusterName}`]: 'owned',
    [`aws:${kind}/topology.kubernetes.io/region`]: props.region,
  });
  const requested = { ...tags('RequestTag'), 'aws:RequestTag/eks:eks-cluster-name': props.clusterName };
  const ownClass = { 'aws:ResourceTag/karpenter.k8s.aws/ec2nodeclass': '*' };
  const newClass = { 'aws:RequestTag/karpenter.k8s.aws/ec2nodeclass': '*' };
  return [
    {
      sid: 'PassNodeRole',
      actions: ['iam:PassRole'],
      resources: [props.nodeRoleArn],
      conditions: { StringEquals: { 'iam:PassedToService': ['ec2.amazonaws.com', 'ec2.amazonaws.com.cn'] } },
    },
    {
      sid: 'CreateProfile',
      actions: ['iam:CreateInstanceProfile'],
      resources: [profiles],
      conditions: { StringEquals: requested, StringLike: newClass },
    },
    {
      sid: 'TagOwnProfile',
      actions: ['iam:TagInstanceProfile'],
      resources: [profiles],
      conditions: {
        StringEquals: { ...tags('ResourceTag'), ...requested },
        StringLike: { ...ownClass, ...newClass },
      },
    },
    {
      sid: 'ChangeOwnProfile',
      actions: ['iam:AddRoleToInstanceProfile', 'iam:RemoveRoleFromInstanceProfile', 'iam:DeleteInstanceProfile'],
      resources: [profiles],
      conditions: { StringEquals: tags('ResourceTag'), StringLike: ownClass },
    },
    { sid: 'ReadProfile', actions: ['iam:GetInstanceProfile'], resources: [profiles] },
    { sid: 'ListProfiles', actions: ['iam:ListInstanceProfiles'], resources: ['*'] },
  ];
}

function discovery(props: KarpenterPolicyProps): PolicyStatement[] {
  const described = [
    'CapacityReservations',
    'Images',
    'Instances',
    'InstanceStatus',
    'InstanceTypeOfferings',
    'InstanceTypes',
    'LaunchTemplates',
    'PlacementGroups',
    'SecurityGroups',
    'SpotPriceHistory',
    'Subnets',
  ];
  return [
    {
      sid: 'Describe',
      actions: described.map((what) => `ec2:Describe${what}`),
      resources: ['*'],
      conditions: { StringEquals: { 'aws:RequestedRegion': props.region } },
    },
    {
      sid: 'FindImages',
      actions: ['ssm:GetParameter'],
      resources: [`arn:${partitionOf(props.region)}:ssm:${props.region}::parameter/aws/service/*`],
    },
    { sid: 'ReadPrices', actions: ['pricing:GetProducts'], resources: ['*'] },
    { sid: 'FindCluster', actions: ['eks:DescribeCluster'], resources: [props.clusterArn] },
    {
      sid: 'ReadZonalShift',
      actions: ['arc-zonal-shift:GetManagedResource'],
      resources: ['*'],
      conditions: { StringEquals: { 'arc-zonal-shift:ResourceIdentifier': props.clusterArn } },
    },
    {
      sid: 'ReadInterruptions',
      actions: ['sqs:DeleteMessage', 'sqs:GetQueueUrl', 'sqs:ReceiveMessage'],
      resources: [props.queueArn],
    },
  ];
}
