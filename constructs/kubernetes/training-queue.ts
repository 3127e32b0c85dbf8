import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { LABELS, MANAGED_BY } from '../../runtime/contract';
import { numberOutOfRange } from '../errors';
import type { Placement } from '../scheduling';
import { objectName } from './object-names';
import { placementOf } from './pod-defaults';
import { times } from './quantity';

const API_VERSION = 'kueue.x-k8s.io/v1beta2';

/** Props of a {@link TrainingQueue}. */
export interface TrainingQueueProps {
  /** Name of the queue and of its flavor, e.g. that of the node pool. A DNS label. */
  readonly name: string;
  /** Namespaces that may submit; each gets a LocalQueue of the same name. At least one. */
  readonly namespaces: readonly string[];
  /** Node pool that the queue hands out. */
  readonly placement: Placement;
  /** Most nodes of the pool. */
  readonly maxNodes: number;
  /**
   * What one node offers, by resource, accelerators and fabric included: every resource that a job asks for has to be
   * here, or Kueue never admits it. E.g. `{ cpu: '192', memory: '2048Gi', 'nvidia.com/gpu': '8' }`.
   */
  readonly nodeResources: Readonly<Record<string, string>>;
}

/**
 * A queue in front of one node pool: jobs wait until the pool can hold all of their pods at once.
 *
 * @see https://kueue.sigs.k8s.io/docs/concepts/cluster_queue/
 * @throws LNMT1002 for a number out of range, LNMT3000 for an illegal name, LNMT3003 for a malformed quantity
 */
export class TrainingQueue extends Construct {
  /** Name of the LocalQueue in every namespace. */
  readonly queueName: string;

  constructor(scope: Construct, id: string, props: TrainingQueueProps) {
    super(scope, id);
    this.queueName = objectName(this, 'name', props.name, 63);
    if (!Number.isInteger(props.maxNodes) || props.maxNodes < 1) {
      throw numberOutOfRange(this, 'maxNodes', props.maxNodes, { min: 1, unit: 'nodes' });
    }
    if (props.namespaces.length === 0) {
      throw numberOutOfRange(this, 'namespaces', 0, { min: 1, unit: 'namespaces' });
    }
    const labels = { [LABELS.managedBy]: MANAGED_BY };
    const { name } = props;
    const { nodeSelector, tolerations } = placementOf(props.placement, true);
    new ApiObject(this, 'Flavor', {
      apiVersion: API_VERSION,
      kind: 'ResourceFlavor',
      metadata: { name, labels },
      spec: { nodeLabels: nodeSelector, tolerations },
    });
    new ApiObject(this, 'Resource', {
      apiVersion: API_VERSION,
      kind: 'ClusterQueue',
      metadata: { name, labels },
      spec: {
        namespaceSelector: {
          matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: props.namespaces }],
        },
        queueingStrategy: 'BestEffortFIFO',
        preemption: { withinClusterQueue: 'LowerPriority' },
        resourceGroups: [resourceGroup(props)],
      },
    });
    for (const namespace of props.namespaces) {
      new ApiObject(this, `Queue-${namespace}`, {
        apiVersion: API_VERSION,
        kind: 'LocalQueue',
        metadata: { name, namespace, labels },
        spec: { clusterQueue: name },
      });
    }
  }
}

function resourceGroup({ name, nodeResources, maxNodes }: TrainingQueueProps): object {
  const resources = Object.entries(nodeResources).sort(([a], [b]) => (a < b ? -1 : 1));
  const quotas = resources.map(([resource, value]) => ({
    name: resource,
    nominalQuota: times(`nodeResources ${resource}`, value, maxNodes),
  }));
  return { coveredResources: resources.map(([resource]) => resource), flavors: [{ name, resources: quotas }] };
}
