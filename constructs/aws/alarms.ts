import { CloudwatchMetricAlarm } from '@cdktf/provider-aws/lib/cloudwatch-metric-alarm';
import { SnsTopic } from '@cdktf/provider-aws/lib/sns-topic';
import { SnsTopicPolicy } from '@cdktf/provider-aws/lib/sns-topic-policy';
import type { Construct } from 'constructs';
import { legalName } from '../names';
import { accountIdOf } from './context';
import { policyDocument } from './iam';
import { AWS_DATA_NAMES } from './names-data';

/** One alarm on a metric of Container Insights. */
interface AlarmRow {
  readonly name: string;
  readonly description: string;
  readonly metric: string;
  readonly statistic: 'Maximum' | 'Average';
  readonly threshold: number;
}

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-EKS.html */
const ALARMS: readonly AlarmRow[] = [
  {
    name: 'failed-nodes',
    description: 'A node of the cluster has failed',
    metric: 'cluster_failed_node_count',
    statistic: 'Maximum',
    threshold: 0,
  },
  {
    name: 'full-disks',
    description: 'Disks of the nodes are more than 85 percent full',
    metric: 'node_filesystem_utilization',
    statistic: 'Maximum',
    threshold: 85,
  },
  {
    name: 'full-memory',
    description: 'Memory of the nodes is more than 90 percent used',
    metric: 'node_memory_utilization',
    statistic: 'Average',
    threshold: 90,
  },
];
const PERIOD_SECONDS = 300;
const PERIODS = 2;

/** What the alarms of a cluster need. */
export interface AlarmsProps {
  readonly naming: readonly string[];
  readonly region: string;
  readonly clusterName: string;
  /** ARN of the key of the topic. @default - not encrypted at rest */
  readonly keyArn: string | undefined;
}

/** Alarms of a cluster, and the topic that they are sent to. Returns the topic's ARN. */
export function addAlarms(scope: Construct, props: AlarmsProps): string {
  const topicArn = alarmTopic(scope, props);
  for (const alarm of ALARMS) {
    new CloudwatchMetricAlarm(scope, `Alarm-${alarm.name}`, {
      alarmName: legalName(AWS_DATA_NAMES.alarm, [...props.naming, alarm.name], scope),
      alarmDescription: alarm.description,
      namespace: 'ContainerInsights',
      metricName: alarm.metric,
      dimensions: { ClusterName: props.clusterName },
      statistic: alarm.statistic,
      comparisonOperator: 'GreaterThanThreshold',
      threshold: alarm.threshold,
      period: PERIOD_SECONDS,
      evaluationPeriods: PERIODS,
      treatMissingData: 'notBreaching',
      alarmActions: [topicArn],
      okActions: [topicArn],
    });
  }
  return topicArn;
}

function alarmTopic(scope: Construct, props: AlarmsProps): string {
  const topic = new SnsTopic(scope, 'AlarmTopic', {
    name: legalName(AWS_DATA_NAMES.topic, [...props.naming, 'alarms'], scope),
    // Not the service's own key: its policy cannot admit CloudWatch, so that alarms would get lost.
    kmsMasterKeyId: props.keyArn,
  });
  new SnsTopicPolicy(scope, 'AlarmTopicPolicy', {
    arn: topic.arn,
    policy: policyDocument([
      {
        sid: 'Alarms',
        principals: { Service: 'cloudwatch.amazonaws.com' },
        actions: ['sns:Publish'],
        resources: [topic.arn],
        conditions: { StringEquals: { 'aws:SourceAccount': accountIdOf(scope) } },
      },
      {
        sid: 'TlsOnly',
        effect: 'Deny',
        principals: { AWS: '*' },
        actions: ['sns:Publish'],
        resources: [topic.arn],
        conditions: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ]),
  });
  return topic.arn;
}
