import { metricRules } from '../kubernetes/metric-rules';
import type { Addon } from './addon';
import { CATALOGUE } from './catalogue';

/** Options of {@link prometheusAdapter}. */
export interface PrometheusAdapterOptions {
  /** URL of Prometheus with its port; may be late-bound. */
  readonly prometheusUrl: string;
}

/**
 * The adapter that serves `custom.metrics.k8s.io` (and nothing else) from Prometheus, with the rules that make the metrics
 * of LNMT's autoscalers exist.
 *
 * @see https://github.com/kubernetes-sigs/prometheus-adapter
 */
export function prometheusAdapter({ prometheusUrl }: PrometheusAdapterOptions): Addon {
  return {
    name: 'prometheus-adapter',
    layer: '10-operators',
    namespace: 'prometheus-adapter',
    podSecurity: { level: 'restricted' },
    chart: CATALOGUE.prometheusAdapter,
    values: {
      // With port 0 the chart appends nothing to the URL.
      prometheus: { url: prometheusUrl, port: 0 },
      rules: { default: false, custom: metricRules() },
      replicas: 2,
      podDisruptionBudget: { enabled: true, maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' },
      resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '256Mi' } },
    },
  };
}
