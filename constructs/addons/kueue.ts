import type { Addon } from './addon';
import { CATALOGUE } from './catalogue';

/** Kueue: queues and quota for jobs. Its chart carries the definitions. @see https://kueue.sigs.k8s.io/docs/installation/ */
export function kueue(): Addon {
  return {
    name: 'kueue',
    layer: '10-operators',
    namespace: 'kueue-system',
    podSecurity: { level: 'restricted' },
    chart: CATALOGUE.kueue,
    values: { controllerManager: { replicas: 2, podDisruptionBudget: { enabled: true, minAvailable: 1 } } },
    provides: ['kueue.x-k8s.io'],
  };
}
