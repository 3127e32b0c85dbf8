import { CloudwatchEventRule } from '@cdktf/provider-aws/lib/cloudwatch-event-rule';
import { CloudwatchEventTarget } from '@cdktf/provider-aws/lib/cloudwatch-event-target';
import { EksPodIdentityAssociation } from '@cdktf/provider-aws/lib/eks-pod-identity-association';
import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy';
import { SqsQueue } from '@cdktf/provider-aws/lib/sqs-queue';
import { SqsQueuePolicy } from '@cdktf/provider-aws/lib/sqs-queue-policy';
import { Construct } from 'constructs';
import type { Addon } from '../addons/addon';
import { KARPENTER, karpenter } from '../addons/karpenter';
import { legalName } from '../names';
import { accountIdOf } from './context';
import { policyDocument } from './iam';
import { karpenterPolicies } from './karpenter-policy';
import { AWS_NAMES } from './names';
import { podIdentityRole } from './pod-identity-role';

/** Events that end or move machines, by construct id. @see https://karpenter.sh/docs/concepts/disruption/#interruption */
const INTERRUPTIONS: Readonly<Record<string, { readonly source: string; readonly detailType: string }>> = {
  Health: { source: 'aws.health', detailType: 'AWS Health Event' },
  SpotInterruption: { source: 'aws.ec2', detailType: 'EC2 Spot Instance Interruption Warning' },
  Rebalance: { source: 'aws.ec2', detailType: 'EC2 Instance Rebalance Recommendation' },
  StateChange: { source: 'aws.ec2', detailType: 'EC2 Instance State-change Notification' },
  ReservationInterruption: {
    source: 'aws.ec2',
    detailType: 'EC2 Capacity Reservation Instance Interruption Warning',
  },
};

/** Where Karpenter works. */
export interface KarpenterControllerProps {
  /** From the general to the particular, e.g. `['ml']`; resource names are made of it. */
  readonly naming: readonly string[];
  /** Code of the region, e.g. `eu-west-1`. */
  readonly region: string;
  /** The cluster; its attributes may be tokens. */
  readonly cluster: { readonly clusterName: string; readonly clusterArn: string };
  /** ARN of the role of its nodes. */
  readonly nodeRoleArn: string;
}

/** Karpenter's rights in AWS, its queue of interruptions, and its charts as add-ons. */
export class KarpenterController extends Construct {
  readonly addons: readonly Addon[];

  constructor(scope: Construct, id: string, props: KarpenterControllerProps) {
    super(scope, id);
    const queue = this.interruptionQueue(props);
    this.addons = karpenter({ clusterName: props.cluster.clusterName, interruptionQueue: queue.name });
    this.identity(props, queue.arn);
  }

  private identity(props: KarpenterControllerProps, queueArn: string): void {
    const role = podIdentityRole(this, 'Role', {
      naming: [...props.naming, 'karpenter'],
      region: props.region,
      cluster: props.cluster,
      ...KARPENTER,
    });
    const policies = karpenterPolicies({
      region: props.region,
      accountId: accountIdOf(this),
      ...props.cluster,
      nodeRoleArn: props.nodeRoleArn,
      queueArn,
    });
    for (const [name, statements] of Object.entries(policies)) {
      new IamRolePolicy(this, `Policy-${name}`, { name, role: role.name, policy: policyDocument(statements) });
    }
    new EksPodIdentityAssociation(this, 'Association', {
      clusterName: props.cluster.clusterName,
      namespace: KARPENTER.namespace,
      serviceAccount: KARPENTER.serviceAccountName,
      roleArn: role.arn,
    });
  }

  private interruptionQueue(props: KarpenterControllerProps): SqsQueue {
    const queue = new SqsQueue(this, 'Queue', {
      name: legalName(AWS_NAMES.queue, [...props.naming, 'interruptions'], this),
      messageRetentionSeconds: 300,
      sqsManagedSseEnabled: true,
    });
    const rules = Object.entries(INTERRUPTIONS).map(([id, event]) => {
      const rule = new CloudwatchEventRule(this, `${id}Rule`, {
        name: legalName(AWS_NAMES.eventRule, [...props.naming, id.toLowerCase()], this),
        description: `${event.detailType} for Karpenter`,
        eventPattern: JSON.stringify({ source: [event.source], 'detail-type': [event.detailType] }),
      });
      new CloudwatchEventTarget(this, `${id}Target`, { rule: rule.name, arn: queue.arn });
      return rule.arn;
    });
    new SqsQueuePolicy(this, 'QueuePolicy', {
      queueUrl: queue.url,
      policy: policyDocument([
        {
          sid: 'Events',
          principals: { Service: ['events.amazonaws.com'] },
          actions: ['sqs:SendMessage'],
          resources: [queue.arn],
          conditions: { ArnEquals: { 'aws:SourceArn': rules } },
        },
        {
          sid: 'TlsOnly',
          effect: 'Deny',
          principals: '*',
          actions: ['sqs:*'],
          resources: [queue.arn],
          conditions: { Bool: { 'aws:SecureTransport': 'false' } },
        },
      ]),
    });
    return queue;
  }
}
