import { FlowLog } from '@cdktf/provider-aws/lib/flow-log';
import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy';
import type { Construct } from 'constructs';
import { legalName } from '../names';
import { accountIdOf, partitionOf } from './context';
import { policyDocument, serviceRole } from './iam';
import { logGroup, logKey } from './log-group';
import { AWS_NAMES } from './names';

/** What flow logs need. */
export interface FlowLogsProps {
  /** From the general to the particular, e.g. `['ml']`; resource names are made of it. */
  readonly naming: readonly string[];
  /** Code of the region, e.g. `eu-west-1`. */
  readonly region: string;
  /** Id of the VPC. */
  readonly vpcId: string;
  /** One of the periods that `logRetentionDays` returns. */
  readonly retentionDays: number;
}

/** Records all traffic of the network in an encrypted log group. @see https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-cwl.html */
export function addFlowLogs(scope: Construct, props: FlowLogsProps): void {
  const name = `/aws/vpc/${legalName(AWS_NAMES.logGroup, [...props.naming, 'flow-logs'], scope)}`;
  const key = logKey(scope, 'LogsKey', { region: props.region, naming: props.naming, logGroupPath: name });
  const group = logGroup(scope, 'FlowLogsGroup', {
    name,
    retentionDays: props.retentionDays,
    kmsKeyArn: key.arn,
  });
  const account = accountIdOf(scope);
  const role = serviceRole(scope, 'FlowLogsRole', {
    naming: [...props.naming, 'flow-logs'],
    region: props.region,
    services: ['vpc-flow-logs.amazonaws.com'],
    description: `Writes flow logs of ${props.naming.join('-')}`,
    conditions: {
      StringEquals: { 'aws:SourceAccount': account },
      ArnLike: {
        'aws:SourceArn': `arn:${partitionOf(props.region)}:ec2:${props.region}:${account}:vpc-flow-log/*`,
      },
    },
  });
  new IamRolePolicy(scope, 'FlowLogsPolicy', {
    name: 'write-flow-logs',
    role: role.name,
    policy: policyDocument([
      {
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:DescribeLogStreams'],
        resources: [group.arn, `${group.arn}:*`],
      },
    ]),
  });
  new FlowLog(scope, 'FlowLog', {
    vpcId: props.vpcId,
    trafficType: 'ALL',
    logDestinationType: 'cloud-watch-logs',
    logDestination: group.arn,
    iamRoleArn: role.arn,
    maxAggregationInterval: 60,
  });
}
