import { DASHBOARD_MARK, LABELS } from '../../runtime/contract';
import type { Addon, HelmValues } from './addon';
import { CATALOGUE } from './catalogue';
import { addonOptionOutOfRange } from './errors';

const RELEASE = 'kube-prometheus-stack';

/** Where Prometheus runs and how the cluster reaches it. */
export const PROMETHEUS = {
  namespace: 'monitoring',
  url: `http://${RELEASE}-prometheus.monitoring.svc:9090`,
} as const;

// Dashboards come with what they show, in its own namespace.
const DASHBOARDS = { enabled: true, label: LABELS.dashboard, labelValue: DASHBOARD_MARK, searchNamespace: 'ALL' };

/** Options of {@link kubePrometheusStack}. */
export interface KubePrometheusStackOptions {
  /** Days that metrics are kept. @default 15 */
  readonly retentionDays?: number;
  /** Size of the Prometheus volume in GiB. @default 50 */
  readonly storageGiB?: number;
  /** StorageClass of the volumes. @default - the cluster's default */
  readonly storageClassName?: string;
}

/**
 * Prometheus, Alertmanager, Grafana and the exporters. The definitions are a release of their own, so that everything
 * after it may bring ServiceMonitors and rules.
 *
 * @see https://github.com/prometheus-community/helm-charts
 * @throws LNMT3101 for a retention or size below 1
 */
export function kubePrometheusStack(options: KubePrometheusStackOptions = {}): readonly Addon[] {
  const { retentionDays = 15, storageGiB = 50 } = options;
  atLeastOne('retentionDays', retentionDays, 'days');
  atLeastOne('storageGiB', storageGiB, 'GiB');
  return [
    {
      name: 'prometheus-operator-crds',
      layer: '00-crds',
      namespace: PROMETHEUS.namespace,
      podSecurity: { level: 'restricted' },
      chart: CATALOGUE.prometheusOperatorCrds,
      values: { crds: { annotations: { 'helm.sh/resource-policy': 'keep' } } },
      provides: ['monitoring.coreos.com'],
    },
    {
      name: RELEASE,
      layer: '10-operators',
      namespace: PROMETHEUS.namespace,
      podSecurity: { level: 'privileged', reason: 'the node exporter reads the host’s network, processes and disks' },
      chart: CATALOGUE.kubePrometheusStack,
      values: valuesOf(retentionDays, storageGiB, options.storageClassName),
    },
  ];
}

function valuesOf(retentionDays: number, storageGiB: number, storageClassName: string | undefined): HelmValues {
  const claim = (gib: number): HelmValues => ({
    volumeClaimTemplate: {
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName,
        resources: { requests: { storage: `${gib}Gi` } },
      },
    },
  });
  const offUnlessReachable = { enabled: false };
  return {
    fullnameOverride: RELEASE,
    crds: { enabled: false },
    prometheus: {
      prometheusSpec: {
        retention: `${retentionDays}d`,
        // Prometheus deletes by size before the volume is full; a full one stops it.
        retentionSize: `${Math.max(1, Math.floor(storageGiB * 0.85))}GiB`,
        storageSpec: claim(storageGiB),
        serviceMonitorSelectorNilUsesHelmValues: false,
        podMonitorSelectorNilUsesHelmValues: false,
        probeSelectorNilUsesHelmValues: false,
        ruleSelectorNilUsesHelmValues: false,
        scrapeConfigSelectorNilUsesHelmValues: false,
      },
    },
    grafana: { sidecar: { dashboards: DASHBOARDS } },
    alertmanager: { alertmanagerSpec: { storage: claim(2) } },
    // Managed control planes do not let anyone scrape these, and an absent target is an alert that never clears.
    kubeEtcd: offUnlessReachable,
    kubeScheduler: offUnlessReachable,
    kubeControllerManager: offUnlessReachable,
    kubeProxy: offUnlessReachable,
    'prometheus-node-exporter': { tolerations: [{ operator: 'Exists' }] },
  };
}

function atLeastOne(option: string, value: number, unit: string): void {
  if (!Number.isInteger(value) || value < 1) throw addonOptionOutOfRange(option, value, 1, unit);
}
