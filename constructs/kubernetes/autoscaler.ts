import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import { REQUESTS_PER_SECOND_METRIC } from '../../runtime/contract';
import type { Scaling } from './scaling';

/** Props of {@link autoscaler}. */
export interface AutoscalerProps {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Name of the Deployment. */
  readonly deployment: string;
  readonly scaling: Scaling;
}

/**
 * A HorizontalPodAutoscaler.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
 */
export function autoscaler(scope: Construct, id: string, props: AutoscalerProps): ApiObject {
  const { scaling } = props;
  return new ApiObject(scope, id, {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: props.name, namespace: props.namespace, labels: props.labels },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: props.deployment },
      minReplicas: scaling.minReplicas,
      maxReplicas: scaling.maxReplicas,
      metrics: metricsOf(scaling),
      behavior: behaviorOf(scaling),
    },
  });
}

function metricsOf(scaling: Scaling): object[] {
  const resource = (name: string, averageUtilization: number): object => ({
    type: 'Resource',
    resource: { name, target: { type: 'Utilization', averageUtilization } },
  });
  const metrics: object[] = [];
  if (scaling.cpuPercent !== undefined) metrics.push(resource('cpu', scaling.cpuPercent));
  if (scaling.memoryPercent !== undefined) metrics.push(resource('memory', scaling.memoryPercent));
  if (scaling.requestsPerSecondPerPod !== undefined) {
    const target = { type: 'AverageValue', averageValue: text(scaling.requestsPerSecondPerPod) };
    metrics.push({ type: 'Pods', pods: { metric: { name: REQUESTS_PER_SECOND_METRIC }, target } });
  }
  return metrics;
}

function behaviorOf({ pace }: Scaling): object {
  return {
    scaleUp: {
      stabilizationWindowSeconds: pace.scaleUpStabilizationSeconds,
      selectPolicy: 'Max',
      policies: [
        { type: 'Percent', value: 100, periodSeconds: 15 },
        { type: 'Pods', value: 4, periodSeconds: 15 },
      ],
    },
    scaleDown: {
      stabilizationWindowSeconds: pace.scaleDownStabilizationSeconds,
      selectPolicy: 'Max',
      policies: [
        { type: 'Percent', value: pace.scaleDownPercentPerMinute, periodSeconds: 60 },
        // A share of few pods rounds to none, and then nothing would ever be removed.
        { type: 'Pods', value: 1, periodSeconds: 60 },
      ],
    },
  };
}

// Quantities know no more than thousandths here, and the API server writes fractions that way.
function text(value: number): string {
  return Number.isInteger(value) ? String(value) : `${Math.round(value * 1000)}m`;
}
