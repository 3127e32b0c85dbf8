import type { Addon } from './addon';
import { CATALOGUE } from './catalogue';

/** Options of {@link metricsServer}. */
export interface MetricsServerOptions {
  /**
   * False where the kubelets' certificates are signed by nobody, as kubeadm leaves them.
   *
   * @default true
   */
  readonly verifyKubelets?: boolean;
}

/**
 * `metrics.k8s.io`, which autoscalers need for cpu and memory: without it they never scale down.
 *
 * @see https://github.com/kubernetes-sigs/metrics-server
 */
export function metricsServer(options: MetricsServerOptions = {}): Addon {
  return {
    name: 'metrics-server',
    layer: '10-operators',
    namespace: 'kube-system',
    podSecurity: { level: 'restricted' },
    chart: CATALOGUE.metricsServer,
    values: {
      args: (options.verifyKubelets ?? true) ? [] : ['--kubelet-insecure-tls'],
      replicas: 2,
      podDisruptionBudget: { enabled: true, maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' },
    },
  };
}
