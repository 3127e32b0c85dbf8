import { Construct } from 'constructs';
import { kubePrometheusStack, PROMETHEUS } from '../addons/kube-prometheus-stack';
import { prometheusAdapter } from '../addons/prometheus-adapter';
import { wholeNumber } from '../checks';
import type { KubernetesParts } from '../cloud/kubernetes-parts';
import type { IMonitoring, MonitoringProps } from '../cloud/monitoring';
import { expectHere, ONPREM } from './context';
import type { OnPremContext } from './context';

/** Prometheus, Alertmanager and Grafana in the cluster, with the adapter that autoscalers read. Logs stay with the cluster's own collector. */
export class OnPremMonitoring extends Construct implements IMonitoring {
  readonly cloud = ONPREM;
  readonly kubernetes: KubernetesParts;
  readonly scraperNamespace = PROMETHEUS.namespace;
  readonly prometheusUrl = PROMETHEUS.url;

  /** @throws LNMT1002 for a retention or a size below 1 */
  constructor(scope: Construct, id: string, props: MonitoringProps & OnPremContext) {
    super(scope, id);
    expectHere(this, { cluster: props.cluster, encryptionKey: props.encryptionKey });
    const { blockStorageClass } = props.site;
    const addons = kubePrometheusStack({
      retentionDays: wholeNumber(this, 'metricsRetentionDays', props.metricsRetentionDays ?? 15, {
        min: 1,
        unit: 'days',
      }),
      storageGiB: wholeNumber(this, 'storageGiB', props.storageGiB ?? 50, { min: 1, unit: 'GiB' }),
      ...(blockStorageClass === undefined ? {} : { storageClassName: blockStorageClass }),
    });
    this.kubernetes = { addons: [...addons, prometheusAdapter({ prometheusUrl: PROMETHEUS.url })], objects: [] };
  }
}
