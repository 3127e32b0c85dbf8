import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { COMPONENTS, LABELS, MANAGED_BY, TRAINING_ENV } from '../../runtime/contract';
import { numberOutOfRange } from '../errors';
import { reservedLabel, variableSetTwice } from './errors';
import { denyAllBut } from './network-policy';
import { labelValue, objectName } from './object-names';
import { POD_FAILURE_POLICY, UNDISTURBED, trainingConfig, trainingPod } from './training-pod';
import type { TrainingWorkloadProps } from './training-workload-props';

/** Label that puts a job into a LocalQueue. @see https://kueue.sigs.k8s.io/docs/tasks/run/jobs/ */
const QUEUE_LABEL = 'kueue.x-k8s.io/queue-name';
const APPLICATION = 'lnmt-training';
const DAY_SECONDS = 86_400;

/**
 * A training job: one pod a node, ranked by completion index, that find one another through a headless Service.
 *
 * @throws LNMT1002 for a number out of range, LNMT3000 to LNMT3011 as their explanations say
 */
export class TrainingWorkload extends Construct {
  /** The Job. */
  readonly job: ApiObject;
  /** Name of the service account of the pods. */
  readonly serviceAccountName: string;
  /** Labels that select the pods. */
  readonly podSelector: Readonly<Record<string, string>>;

  private readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Record<string, string>;
  };

  constructor(scope: Construct, id: string, props: TrainingWorkloadProps) {
    super(scope, id);
    objectName(this, 'name', props.name);
    this.serviceAccountName = objectName(this, 'serviceAccount.name', props.serviceAccount?.name ?? props.name, 63);
    this.podSelector = { [LABELS.name]: APPLICATION, [LABELS.instance]: props.name };
    const labels = {
      ...this.podSelector,
      [LABELS.component]: COMPONENTS.training,
      [LABELS.managedBy]: MANAGED_BY,
      ...(props.platform === undefined ? {} : { [LABELS.platform]: labelValue(props.platform) }),
    };
    this.metadata = { name: props.name, namespace: props.namespace, labels };
    this.check(props);

    this.object('Config', 'ConfigMap', { data: trainingConfig(props) }, { name: `${props.name}-config` });
    const account = { name: this.serviceAccountName, annotations: props.serviceAccount?.annotations };
    this.object('ServiceAccount', 'ServiceAccount', { automountServiceAccountToken: false }, account);
    // Ranks look for one another before any of them is ready.
    const rendezvous = { clusterIP: 'None', publishNotReadyAddresses: true, selector: this.podSelector };
    this.object('Rendezvous', 'Service', { spec: rendezvous });
    denyAllBut(this, 'NetworkPolicy', {
      ...this.metadata,
      podSelector: this.podSelector,
      ingress: [],
      egress: props.egress ?? [],
      amongThemselves: true,
    });
    this.job = this.submit(props);
  }

  private check(props: TrainingWorkloadProps): void {
    const least: readonly (readonly [property: string, value: number | undefined, min: number, unit: string])[] = [
      ['nodes', props.nodes, 1, 'nodes'],
      ['gpusPerNode', props.gpusPerNode, 0, 'GPUs'],
      ['sharedMemoryGiB', props.sharedMemoryGiB, 1, 'GiB'],
      ['checkpointGiB', props.checkpointGiB, 1, 'GiB'],
      ['backoffLimit', props.backoffLimit, 0, 'failures'],
      ['checkpointGraceSeconds', props.checkpointGraceSeconds, 1, 's'],
    ];
    for (const [property, value, min, unit] of least) {
      if (value !== undefined && !(Number.isInteger(value) && value >= min)) {
        throw numberOutOfRange(this, property, value, { min, unit });
      }
    }
    for (const label of Object.keys(props.podLabels ?? {})) {
      if (label in this.metadata.labels) throw reservedLabel(this, 'podLabels', label);
    }
    const own: readonly string[] = Object.values(TRAINING_ENV).map(({ name }) => name);
    for (const name of Object.keys(props.env ?? {})) {
      if (own.includes(name)) throw variableSetTwice(this, 'env', name, 'TrainingWorkload');
    }
    for (const name of Object.keys(props.secretEnv ?? {})) {
      if (own.includes(name)) throw variableSetTwice(this, 'secretEnv', name, 'TrainingWorkload');
      if (name in (props.env ?? {})) throw variableSetTwice(this, 'secretEnv', name, 'env');
    }
  }

  private submit(props: TrainingWorkloadProps): ApiObject {
    const nodes = props.nodes ?? 1;
    const queue: Record<string, string> = props.queue === undefined ? {} : { [QUEUE_LABEL]: props.queue };
    const { labels } = this.metadata;
    return new ApiObject(this, 'Resource', {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { ...this.metadata, labels: { ...labels, ...queue } },
      spec: {
        suspend: props.queue !== undefined,
        completionMode: 'Indexed',
        completions: nodes,
        parallelism: nodes,
        backoffLimit: props.backoffLimit ?? 3,
        podReplacementPolicy: 'Failed',
        podFailurePolicy: POD_FAILURE_POLICY,
        ttlSecondsAfterFinished: DAY_SECONDS,
        template: {
          metadata: { labels: { ...props.podLabels, ...labels }, annotations: UNDISTURBED },
          spec: trainingPod(props, this.serviceAccountName),
        },
      },
    });
  }

  private object(
    id: string,
    kind: string,
    body: Record<string, unknown>,
    metadata: { readonly name?: string; readonly annotations?: Readonly<Record<string, string>> } = {},
  ): void {
    new ApiObject(this, id, { apiVersion: 'v1', kind, metadata: { ...this.metadata, ...metadata }, ...body });
  }
}
