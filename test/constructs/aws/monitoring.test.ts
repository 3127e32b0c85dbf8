import { describe, expect, it } from 'vitest';
import { CloudWatchMonitoring } from '../../../constructs/aws/monitoring';
import type { MonitoringProps } from '../../../constructs/cloud/monitoring';
import { METRICS } from '../../../runtime/contract';
import { DataStack, codeOf, statement, statementsOf } from './data-stack';

const KEY = 'arn:aws:kms:eu-west-1:111122223333:key/k';

function monitoringIn(data: DataStack, props: Partial<MonitoringProps> = {}): CloudWatchMonitoring {
  return new CloudWatchMonitoring(data.stack, 'monitoring', {
    ...data.common,
    naming: ['ml'],
    encryptionKey: data.key(),
    ...props,
  });
}

describe('CloudWatchMonitoring', () => {
  it('brings Prometheus and the adapter with the rule of the autoscalers, and names both', () => {
    const monitoring = monitoringIn(new DataStack(), { metricsRetentionDays: 30, storageGiB: 200 });
    const { addons } = monitoring.kubernetes;
    expect(addons.map((addon) => addon.name)).toEqual([
      'prometheus-operator-crds',
      'kube-prometheus-stack',
      'prometheus-adapter',
    ]);
    expect(JSON.stringify(addons[1]?.values)).toContain('"retention":"30d"');
    expect(JSON.stringify(addons[1]?.values)).toContain('"200Gi"');
    expect(addons[2]?.values).toMatchObject({ prometheus: { url: monitoring.prometheusUrl } });
    expect(JSON.stringify(addons[2]?.values)).toContain(METRICS.inferenceRequests.derived.name);
    expect(monitoring.scraperNamespace).toBe(addons[1]?.namespace);
  });

  it('makes the log groups of the agent before the agent can: encrypted, kept for at least as long as asked', () => {
    const data = new DataStack();
    monitoringIn(data, { logRetentionDays: 366 });
    const groups = Object.values(data.resources('aws_cloudwatch_log_group'));
    expect(groups).toHaveLength(4);
    for (const group of groups) expect(group).toMatchObject({ kms_key_id: KEY, retention_in_days: 400 });
    const addon = data.only('aws_eks_addon');
    expect(addon).toMatchObject({ addon_name: 'amazon-cloudwatch-observability' });
    const waits = addon['depends_on'] as readonly string[];
    expect(waits.filter((one) => one.startsWith('aws_cloudwatch_log_group.'))).toHaveLength(4);
  });

  it('lets the agent write to these groups and one metric namespace, and make no group', () => {
    const data = new DataStack();
    monitoringIn(data);
    const policy = data.only('aws_iam_role_policy');
    expect(statement(policy, 'Logs')['Resource']).toHaveLength(8);
    expect(statement(policy, 'Metrics')['Condition']).toEqual({
      StringEquals: { 'cloudwatch:namespace': 'ContainerInsights' },
    });
    expect(JSON.stringify(statementsOf(policy))).not.toContain('CreateLogGroup');
  });

  it('sends its alarms to an encrypted topic that only CloudWatch of this account publishes to', () => {
    const data = new DataStack();
    const monitoring = monitoringIn(data);
    expect(data.only('aws_sns_topic')).toMatchObject({ name: 'ml-alarms', kms_master_key_id: KEY });
    expect(statement(data.only('aws_sns_topic_policy'), 'Alarms')).toMatchObject({
      Principal: { Service: 'cloudwatch.amazonaws.com' },
      Condition: { StringEquals: { 'aws:SourceAccount': '${data.aws_caller_identity.LnmtAwsAccount.account_id}' } },
    });
    const alarms = Object.values(data.resources('aws_cloudwatch_metric_alarm'));
    expect(alarms.map((alarm) => alarm['metric_name'])).toContain('cluster_failed_node_count');
    for (const alarm of alarms) {
      expect(alarm['alarm_actions']).toEqual([expect.stringMatching(/^\$\{aws_sns_topic\..*\.arn\}$/)]);
    }
    expect(monitoring.alarmTopicArn).toMatch(/TfToken/);
  });

  it('leaves the topic without a key when there is none, because CloudWatch cannot use that of the service', () => {
    const data = new DataStack();
    new CloudWatchMonitoring(data.stack, 'monitoring', { ...data.common, naming: ['ml'] });
    expect(data.only('aws_sns_topic')['kms_master_key_id']).toBeUndefined();
  });

  it.each([{ metricsRetentionDays: 0 }, { storageGiB: 0 }, { logRetentionDays: 4000 }])('refuses %o', (props) => {
    expect(codeOf(() => monitoringIn(new DataStack(), props))).toBe('LNMT1002');
  });
});
