import {
  COMPONENTS,
  EXIT_CODES,
  IMAGE_COMMANDS,
  TRAINING_ENV,
  VOLUMES,
  VOLUME_NAMES,
  toEnv,
} from '../../runtime/contract';
import { CONTAINER_SECURITY, placementOf, restrictedPod, sizedEmptyDir } from './pod-defaults';
import { PodResources } from './resources';
import type { TrainingWorkloadProps } from './training-workload-props';

/** The settings of a training job that are not secret, as environment variables. */
export function trainingConfig(props: TrainingWorkloadProps): Record<string, string> {
  const own = toEnv(TRAINING_ENV, {
    checkpointUri: props.checkpointUri,
    checkpointDir: VOLUMES.checkpoints,
    scratchDir: props.scratchClaimName === undefined ? undefined : VOLUMES.scratch,
    gpusPerNode: String(props.gpusPerNode ?? 1),
    nodes: String(props.nodes ?? 1),
    coordinator: `${props.name}-0.${props.name}`,
  });
  return { ...own, ...props.env };
}

/** The pod specification of one rank of a training job. */
export function trainingPod(props: TrainingWorkloadProps, serviceAccountName: string): object {
  const scratch = props.scratchClaimName;
  return {
    ...restrictedPod(serviceAccountName),
    ...placementOf(props.placement, (props.gpusPerNode ?? 1) > 0),
    // Host names of the form job-0.job, under which the ranks find one another.
    subdomain: props.name,
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: props.checkpointGraceSeconds ?? 120,
    containers: [trainingContainer(props)],
    volumes: [
      sizedEmptyDir(VOLUME_NAMES.tmp, '10Gi'),
      sizedEmptyDir(VOLUME_NAMES.checkpoints, `${props.checkpointGiB ?? 100}Gi`),
      sizedEmptyDir(VOLUME_NAMES.sharedMemory, `${props.sharedMemoryGiB ?? 16}Gi`, 'Memory'),
      ...(scratch === undefined ? [] : [{ name: VOLUME_NAMES.scratch, persistentVolumeClaim: { claimName: scratch } }]),
    ],
  };
}

function trainingContainer(props: TrainingWorkloadProps): object {
  const gpus = props.gpusPerNode ?? 1;
  const devices = gpus > 0 ? { [props.gpuResourceName ?? 'nvidia.com/gpu']: String(gpus) } : {};
  const resources = props.resources ?? PodResources.of({ cpu: '8', memory: '64Gi' });
  const secrets = Object.entries(props.secretEnv ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const mounted = [
    VOLUME_NAMES.tmp,
    VOLUME_NAMES.checkpoints,
    VOLUME_NAMES.sharedMemory,
    ...(props.scratchClaimName === undefined ? [] : [VOLUME_NAMES.scratch]),
  ];
  return {
    name: COMPONENTS.training,
    image: props.image,
    imagePullPolicy: 'IfNotPresent',
    command: props.command ?? IMAGE_COMMANDS.training,
    args: props.args,
    envFrom: [{ configMapRef: { name: `${props.name}-config` } }],
    env:
      secrets.length === 0
        ? undefined
        : secrets.map(([name, { secret, key }]) => ({ name, valueFrom: { secretKeyRef: { name: secret, key } } })),
    resources: resources.render({ ...devices, ...props.fabricResources }),
    securityContext: CONTAINER_SECURITY,
    volumeMounts: mounted.map((name) => ({ name, mountPath: MOUNT_PATHS[name] })),
  };
}

const MOUNT_PATHS = {
  [VOLUME_NAMES.tmp]: VOLUMES.tmp,
  [VOLUME_NAMES.checkpoints]: VOLUMES.checkpoints,
  [VOLUME_NAMES.sharedMemory]: VOLUMES.sharedMemory,
  [VOLUME_NAMES.scratch]: VOLUMES.scratch,
} as const;

/**
 * Keeps whatever adds and removes nodes from ending a job for a cheaper or newer node.
 *
 * @see https://karpenter.sh/docs/concepts/disruption/#pod-level-controls
 * @see https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md
 */
export const UNDISTURBED = {
  'karpenter.sh/do-not-disrupt': 'true',
  'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false',
} as const;

/** What a failed pod means: a lost node is nobody's fault, a wrong invocation cannot be repaired by repeating it. */
export const POD_FAILURE_POLICY = {
  rules: [
    { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
    {
      action: 'FailJob',
      onExitCodes: { containerName: COMPONENTS.training, operator: 'In', values: [EXIT_CODES.usage] },
    },
  ],
} as const;
