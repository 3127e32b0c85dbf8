import type { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group';
import { EksAddon } from '@cdktf/provider-aws/lib/eks-addon';
import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy';
import { Construct } from 'constructs';
import type { ICluster } from '../cloud/cluster';
import { EksCluster } from './cluster';
import type { AwsContext } from './context';
import { policyDocument } from './iam';
import type { PolicyStatement } from './iam';
import { logGroup } from './log-group';
import { podIdentityRole } from './pod-identity-role';

const AGENT = { namespace: 'amazon-cloudwatch', serviceAccountName: 'cloudwatch-agent' };
const METRIC_NAMESPACE = 'ContainerInsights';
const LOGS = ['application', 'dataplane', 'host', 'performance'] as const;

/** Props of Container Insights. */
export interface ContainerInsightsProps extends AwsContext {
  readonly naming: readonly string[];
  readonly cluster: ICluster;
  /** One of the periods that CloudWatch sells. */
  readonly retentionDays: number;
  /** ARN of the key of the log groups. @default - CloudWatch's own key */
  readonly keyArn?: string;
}

/**
 * The CloudWatch agent and Fluent Bit as an add-on of EKS. Both may write to the four log groups of the cluster, which exist
 * before them, and cannot make others. Its pods tolerate every taint: nodes with accelerators are watched too, and Terraform
 * waits for the add-on while there are only system nodes.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-reference-performance-logs-EKS.html
 */
export class ContainerInsights extends Construct {
  constructor(scope: Construct, id: string, props: ContainerInsightsProps) {
    super(scope, id);
    const cluster = EksCluster.expect(this, props.cluster);
    const groups = LOGS.map((log) =>
      logGroup(this, `Logs-${log}`, {
        name: `/aws/containerinsights/${cluster.clusterName}/${log}`,
        retentionDays: props.retentionDays,
        ...(props.keyArn === undefined ? {} : { kmsKeyArn: props.keyArn }),
      }),
    );
    const role = podIdentityRole(this, 'Role', {
      ...AGENT,
      naming: [...props.naming, 'cloudwatch-agent'],
      region: props.region,
      cluster,
    });
    const policy = new IamRolePolicy(this, 'Policy', {
      name: 'write-logs-and-metrics',
      role: role.name,
      policy: policyDocument(statements(groups)),
    });
    new EksAddon(this, 'Resource', {
      clusterName: cluster.clusterName,
      addonName: 'amazon-cloudwatch-observability',
      resolveConflictsOnCreate: 'OVERWRITE',
      resolveConflictsOnUpdate: 'PRESERVE',
      configurationValues: JSON.stringify({ tolerations: [{ operator: 'Exists' }] }),
      podIdentityAssociation: [{ roleArn: role.arn, serviceAccount: AGENT.serviceAccountName }],
      dependsOn: [policy, ...groups],
    });
  }
}

function statements(groups: readonly CloudwatchLogGroup[]): readonly PolicyStatement[] {
  return [
    {
      sid: 'Logs',
      actions: ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
      resources: groups.flatMap((group) => [group.arn, `${group.arn}:*`]),
    },
    // The actions of the next two statements know no resource.
    {
      sid: 'Metrics',
      actions: ['cloudwatch:PutMetricData'],
      resources: ['*'],
      conditions: { StringEquals: { 'cloudwatch:namespace': METRIC_NAMESPACE } },
    },
    {
      sid: 'Look',
      actions: ['ec2:DescribeTags', 'ec2:DescribeVolumes', 'logs:DescribeLogGroups'],
      resources: ['*'],
    },
  ];
}
