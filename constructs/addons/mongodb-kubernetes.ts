import type { Addon } from './addon';
import { CATALOGUE } from './catalogue';

/** Options of {@link mongodbKubernetes}. */
export interface MongodbKubernetesOptions {
  /** Namespace whose databases the operator runs, and where it runs itself. @default 'databases' */
  readonly namespace?: string;
}

/**
 * MongoDB Controllers for Kubernetes, which replaced the community operator. Its chart carries the definitions.
 *
 * @see https://www.mongodb.com/docs/kubernetes/current/
 */
export function mongodbKubernetes(options: MongodbKubernetesOptions = {}): Addon {
  return {
    name: 'mongodb-kubernetes',
    layer: '10-operators',
    namespace: options.namespace ?? 'databases',
    podSecurity: { level: 'restricted' },
    chart: CATALOGUE.mongodbKubernetes,
    values: {
      operator: {
        watchedResources: ['mongodbcommunity'],
        // Usage reports leave the cluster only when somebody asks for it.
        telemetry: { enabled: false },
      },
    },
    provides: ['mongodbcommunity.mongodb.com', 'mongodb.com'],
  };
}
