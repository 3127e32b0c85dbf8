import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import { PROMETHEUS, kubePrometheusStack } from '../addons/kube-prometheus-stack';
import { prometheusAdapter } from '../addons/prometheus-adapter';
import { wholeNumber } from '../checks';
import type { KubernetesParts } from '../cloud/kubernetes-parts';
import type { IMonitoring, MonitoringProps } from '../cloud/monitoring';
import { addAlarms } from './alarms';
import { EksCluster } from './cluster';
import { ContainerInsights } from './container-insights';
import { AWS, brand, expectBrand } from './context';
import type { AwsContext } from './context';
import { keyArnOf } from './encryption-key';
import { logRetentionDays } from './log-group';

const BRAND = Symbol.for('lnmt/aws/monitoring');

/**
 * Prometheus in the cluster, with the adapter that autoscalers read, and CloudWatch beside it: logs of every container in
 * encrypted log groups, Container Insights, and alarms that go to a topic.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/install-CloudWatch-Observability-EKS-addon.html
 */
export class CloudWatchMonitoring extends Construct implements IMonitoring {
  /** Narrows neutral monitoring. @throws LNMT1008 for another cloud's, LNMT2003 for one that is not of this class */
  static expect(scope: IConstruct, monitoring: IMonitoring, property = 'monitoring'): CloudWatchMonitoring {
    return expectBrand<CloudWatchMonitoring>(scope, property, monitoring, BRAND, 'CloudWatchMonitoring');
  }

  readonly cloud = AWS;
  readonly scraperNamespace = PROMETHEUS.namespace;
  readonly prometheusUrl = PROMETHEUS.url;
  readonly kubernetes: KubernetesParts;
  /** ARN of the topic that alarms are sent to; subscribe people or pagers to it. */
  readonly alarmTopicArn: string;

  /** @throws LNMT1002 for a retention or size out of range */
  constructor(scope: Construct, id: string, props: MonitoringProps & AwsContext) {
    super(scope, id);
    brand(this, BRAND);
    const { clusterName } = EksCluster.expect(this, props.cluster);
    const retentionDays = wholeNumber(this, 'metricsRetentionDays', props.metricsRetentionDays ?? 15, {
      min: 1,
      unit: 'days',
    });
    const storageGiB = wholeNumber(this, 'storageGiB', props.storageGiB ?? 50, { min: 1, unit: 'GiB' });
    const keyArn = keyArnOf(this, props.encryptionKey);
    new ContainerInsights(this, 'ContainerInsights', {
      naming: props.naming,
      region: props.region,
      cluster: props.cluster,
      retentionDays: logRetentionDays(this, 'logRetentionDays', props.logRetentionDays ?? 365),
      ...(keyArn === undefined ? {} : { keyArn }),
    });
    this.alarmTopicArn = addAlarms(this, { naming: props.naming, region: props.region, clusterName, keyArn });
    this.kubernetes = {
      addons: [
        ...kubePrometheusStack({ retentionDays, storageGiB }),
        prometheusAdapter({ prometheusUrl: PROMETHEUS.url }),
      ],
      objects: [],
    };
  }
}
