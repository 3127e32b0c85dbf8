import { partitionOf } from './context';
import type { PolicyStatement } from './iam';

/** What the policies of Karpenter's controller name. Values may be tokens. */
export interface KarpenterPolicyProps {
  /** Code of the region, e.g. `eu-west-1`. */
  readonly region: string;
  /** Account that the cluster lives in. */
  readonly accountId: string;
  /** Name of the cluster; may be a token. */
  readonly clusterName: string;
  /** ARN of the cluster. */
  readonly clusterArn: string;
  /** ARN of the role of its nodes. */
  readonly nodeRoleArn: string;
  /** ARN of the queue of interruptions. */
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

const OWN_CLASS = { 'aws:ResourceTag/karpenter.k8s.aws/ec2nodeclass': '*' };
const NEW_CLASS = { 'aws:RequestTag/karpenter.k8s.aws/ec2nodeclass': '*' };
const LAUNCH = ['ec2:RunInstances', 'ec2:CreateFleet'];

function nodeLifecycle(props: KarpenterPolicyProps): PolicyStatement[] {
  return [...launching(props), ...tagging(props), ending(props)];
}

function ec2Arns(props: KarpenterPolicyProps, account: '' | '*', ...kinds: readonly string[]): string[] {
  return kinds.map((kind) => `arn:${partitionOf(props.region)}:ec2:${props.region}:${account}:${kind}/*`);
}

function createdArns(props: KarpenterPolicyProps): string[] {
  const kinds = ['fleet', 'instance', 'volume', 'network-interface', 'launch-template', 'spot-instances-request'];
  return ec2Arns(props, '*', ...kinds);
}

function owned(props: KarpenterPolicyProps): Record<string, string> {
  return { [`aws:ResourceTag/kubernetes.io/cluster/${props.clusterName}`]: 'owned' };
}

function requested(props: KarpenterPolicyProps): Record<string, string> {
  return {
    [`aws:RequestTag/kubernetes.io/cluster/${props.clusterName}`]: 'owned',
    'aws:RequestTag/eks:eks-cluster-name': props.clusterName,
  };
}

function launching(props: KarpenterPolicyProps): PolicyStatement[] {
  return [
    {
      sid: 'LaunchWith',
      actions: LAUNCH,
      resources: [
        ...ec2Arns(props, '', 'image', 'snapshot'),
        ...ec2Arns(props, '*', 'security-group', 'subnet', 'capacity-reservation', 'placement-group'),
      ],
    },
    {
      sid: 'LaunchFromOwnTemplate',
      actions: LAUNCH,
      resources: ec2Arns(props, '*', 'launch-template'),
      conditions: { StringEquals: owned(props), StringLike: OWN_NODES },
    },
    {
      sid: 'CreateTagged',
      actions: [...LAUNCH, 'ec2:CreateLaunchTemplate'],
      resources: createdArns(props),
      conditions: { StringEquals: requested(props), StringLike: NEW_NODES },
    },
  ];
}

function tagging(props: KarpenterPolicyProps): PolicyStatement[] {
  return [
    {
      sid: 'TagWhatIsCreated',
      actions: ['ec2:CreateTags'],
      resources: createdArns(props),
      conditions: {
        StringEquals: {
          ...requested(props),
          'ec2:CreateAction': ['RunInstances', 'CreateFleet', 'CreateLaunchTemplate'],
        },
        StringLike: NEW_NODES,
      },
    },
    {
      sid: 'TagOwnInstances',
      actions: ['ec2:CreateTags'],
      resources: ec2Arns(props, '*', 'instance'),
      conditions: {
        StringEquals: owned(props),
        StringLike: OWN_NODES,
        StringEqualsIfExists: { 'aws:RequestTag/eks:eks-cluster-name': props.clusterName },
        'ForAllValues:StringEquals': { 'aws:TagKeys': ['eks:eks-cluster-name', 'karpenter.sh/nodeclaim', 'Name'] },
      },
    },
  ];
}

function ending(props: KarpenterPolicyProps): PolicyStatement {
  return {
    sid: 'EndOwn',
    actions: ['ec2:TerminateInstances', 'ec2:DeleteLaunchTemplate'],
    resources: ec2Arns(props, '*', 'instance', 'launch-template'),
    conditions: { StringEquals: owned(props), StringLike: OWN_NODES },
  };
}

function instanceProfiles(props: KarpenterPolicyProps): PolicyStatement[] {
  const profiles = `arn:${partitionOf(props.region)}:iam::${props.accountId}:instance-profile/*`;
  const tags = (kind: 'ResourceTag' | 'RequestTag'): Record<string, string> => ({
    [`aws:${kind}/kubernetes.io/cluster/${props.clusterName}`]: 'owned',
    [`aws:${kind}/topology.kubernetes.io/region`]: props.region,
  });
  const asked = { ...requested(props), ...tags('RequestTag') };
  return [
    passNodeRole(props),
    {
      sid: 'CreateProfile',
      actions: ['iam:CreateInstanceProfile'],
      resources: [profiles],
      conditions: { StringEquals: asked, StringLike: NEW_CLASS },
    },
    {
      sid: 'TagOwnProfile',
      actions: ['iam:TagInstanceProfile'],
      resources: [profiles],
      conditions: {
        StringEquals: { ...tags('ResourceTag'), ...asked },
        StringLike: { ...OWN_CLASS, ...NEW_CLASS },
      },
    },
    {
      sid: 'ChangeOwnProfile',
      actions: ['iam:AddRoleToInstanceProfile', 'iam:RemoveRoleFromInstanceProfile', 'iam:DeleteInstanceProfile'],
      resources: [profiles],
      conditions: { StringEquals: tags('ResourceTag'), StringLike: OWN_CLASS },
    },
    { sid: 'ReadProfile', actions: ['iam:GetInstanceProfile'], resources: [profiles] },
    { sid: 'ListProfiles', actions: ['iam:ListInstanceProfiles'], resources: ['*'] },
  ];
}

function passNodeRole(props: KarpenterPolicyProps): PolicyStatement {
  return {
    sid: 'PassNodeRole',
    actions: ['iam:PassRole'],
    resources: [props.nodeRoleArn],
    conditions: { StringEquals: { 'iam:PassedToService': ['ec2.amazonaws.com', 'ec2.amazonaws.com.cn'] } },
  };
}

const DESCRIBED = [
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

function discovery(props: KarpenterPolicyProps): PolicyStatement[] {
  return [
    {
      sid: 'Describe',
      actions: DESCRIBED.map((what) => `ec2:Describe${what}`),
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
