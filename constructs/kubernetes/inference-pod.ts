import {
  API_KEYS_FILE,
  COMPONENTS,
  IMAGE_COMMANDS,
  INFERENCE_ENV,
  PATHS,
  PORTS,
  PORT_NAMES,
  SHUTDOWN,
  VOLUMES,
  VOLUME_NAMES,
  terminationGraceSeconds,
} from '../../runtime/contract';
import { auditVariables, auditVolume } from './audit-log';
import type { InferenceWorkloadProps } from './inference-workload-props';
import { MODEL_CACHE_GIB, STARTUP_PERIOD_SECONDS, startupBudget } from './model-budgets';
import { CONTAINER_SECURITY, placementOf, restrictedPod, sizedEmptyDir } from './pod-defaults';
import type { EmptyDirVolume } from './pod-defaults';
import { inferenceResources } from './resources';
import { secretFilesVolume } from './secret-files';
import type { SecretKey } from './secret-reference';
import { tlsVolume } from './server-tls';
import { spreadOf } from './spread';

/** What the pod template needs beside the props. */
export interface InferencePodParts {
  readonly serviceAccountName: string;
  readonly selector: Readonly<Record<string, string>>;
  /** Name of the ConfigMap with the settings. */
  readonly configMapName: string;
  /** Name of the ConfigMap with files. @default - none */
  readonly filesName?: string | undefined;
  /** Where the API keys are. @default - none */
  readonly apiKeys?: SecretKey | undefined;
  /** Where the values of secret variables are, by their name. */
  readonly secretEnv: Readonly<Record<string, SecretKey>>;
  /** Where secret files are, by the setting that reads them. */
  readonly secretFiles: Readonly<Record<string, SecretKey>>;
}

/** The pod specification of an inference server. */
export function inferencePod(props: InferenceWorkloadProps, parts: InferencePodParts): object {
  return {
    ...restrictedPod(parts.serviceAccountName),
    ...placementOf(props.placement, props.accelerator !== undefined),
    ...spreadOf(props.spread ?? 'preferred', parts.selector),
    priorityClassName: props.priorityClassName,
    terminationGracePeriodSeconds: terminationGraceSeconds(props.graceSeconds),
    containers: [inferenceContainer(props, parts)],
    volumes: mountsOf(props, parts).map(({ volume }) => volume),
  };
}

function inferenceContainer(props: InferenceWorkloadProps, parts: InferencePodParts): object {
  const { accelerator } = props;
  return {
    name: COMPONENTS.inference,
    image: props.image,
    imagePullPolicy: 'IfNotPresent',
    command: IMAGE_COMMANDS.inference,
    envFrom: [{ configMapRef: { name: parts.configMapName } }],
    env: ownVariables(parts.secretEnv, props.auditLog),
    ports: [
      { name: PORT_NAMES.http, containerPort: PORTS.http, protocol: 'TCP' },
      ...(props.grpc ? [{ name: PORT_NAMES.grpc, containerPort: PORTS.grpc, protocol: 'TCP' }] : []),
      { name: PORT_NAMES.metrics, containerPort: PORTS.metrics, protocol: 'TCP' },
    ],
    resources: inferenceResources(props).render(
      accelerator ? { [accelerator.resourceName]: String(accelerator.count) } : {},
    ),
    securityContext: CONTAINER_SECURITY,
    ...probes(props),
    // The kubelet sleeps, so that the image needs no shell: endpoints are withdrawn while the server still answers.
    lifecycle: { preStop: { sleep: { seconds: SHUTDOWN.preStopSleep } } },
    volumeMounts: mountsOf(props, parts).map(({ volume, ...mount }) => ({ name: volume.name, ...mount })),
  };
}

/** What a ConfigMap cannot hold: secrets, and what is known of each pod alone. */
function ownVariables(
  secretEnv: InferencePodParts['secretEnv'],
  auditLog: InferenceWorkloadProps['auditLog'],
): object[] | undefined {
  const entries = Object.entries(secretEnv).sort(([a], [b]) => (a < b ? -1 : 1));
  const secrets = entries.map(([name, { secret, key }]) => ({
    name,
    valueFrom: { secretKeyRef: { name: secret, key } },
  }));
  const variables = [...secrets, ...auditVariables(auditLog)];
  return variables.length === 0 ? undefined : variables;
}

function probes(props: InferenceWorkloadProps): object {
  // Not where clients come in: those behind the address of the node may hold all the connections that it is granted.
  const ask = (path: string): object => ({ httpGet: { path, port: PORT_NAMES.metrics, scheme: 'HTTP' } });
  return {
    startupProbe: {
      ...ask(PATHS.startup),
      periodSeconds: STARTUP_PERIOD_SECONDS,
      timeoutSeconds: 3,
      failureThreshold: startupBudget(props) / STARTUP_PERIOD_SECONDS,
    },
    livenessProbe: {
      ...ask(PATHS.live),
      periodSeconds: props.probes?.livenessPeriodSeconds ?? 10,
      timeoutSeconds: 5,
      failureThreshold: 3,
    },
    readinessProbe: {
      ...ask(PATHS.ready),
      periodSeconds: props.probes?.readinessPeriodSeconds ?? 5,
      timeoutSeconds: 3,
      failureThreshold: 2,
    },
  };
}

/** A volume of the pod, and where its container finds it. */
interface Mount {
  readonly volume: { readonly name: string };
  readonly mountPath: string;
  readonly readOnly?: true;
}

function mountsOf(props: InferenceWorkloadProps, parts: InferencePodParts): readonly Mount[] {
  const { apiKeys, filesName, secretFiles } = parts;
  const mounts: Mount[] = [
    { volume: sizedEmptyDir(VOLUME_NAMES.tmp, '1Gi'), mountPath: VOLUMES.tmp },
    {
      volume: sizedEmptyDir(VOLUME_NAMES.modelCache, `${props.modelCacheGiB ?? MODEL_CACHE_GIB}Gi`),
      mountPath: VOLUMES.modelCache,
    },
  ];
  const telemetry = telemetryVolume(props);
  if (telemetry !== undefined) mounts.push({ volume: telemetry, mountPath: VOLUMES.telemetry });
  if (apiKeys !== undefined) {
    mounts.push({ volume: apiKeysVolume(apiKeys), mountPath: VOLUMES.apiKeys, readOnly: true });
  }
  if (filesName !== undefined) {
    const volume = { name: VOLUME_NAMES.files, configMap: { name: filesName, defaultMode: 0o440 } };
    mounts.push({ volume, mountPath: VOLUMES.files, readOnly: true });
  }
  if (Object.keys(secretFiles).length > 0) {
    mounts.push({ volume: secretFilesVolume(secretFiles), mountPath: VOLUMES.secretFiles, readOnly: true });
  }
  const { tls, auditLog } = props;
  if (tls !== undefined) mounts.push({ volume: tlsVolume(tls), mountPath: VOLUMES.tls, readOnly: true });
  if (auditLog !== undefined) mounts.push({ volume: auditVolume(auditLog), mountPath: VOLUMES.audit });
  return mounts;
}

/** Room for telemetry that its collector has not taken, where one is named and no other folder is. */
function telemetryVolume({ env = {} }: InferenceWorkloadProps): EmptyDirVolume | undefined {
  const { telemetryUrl, telemetryDir, telemetryBytes } = INFERENCE_ENV;
  if (!(telemetryUrl.name in env) || telemetryDir.name in env) return undefined;
  const bytes = Number(env[telemetryBytes.name] ?? telemetryBytes.default);
  // Twice what it may hold: a volume beyond its limit ends the pod. A value that is known later has a wide one.
  return sizedEmptyDir(VOLUME_NAMES.telemetry, Number.isSafeInteger(bytes) ? String(2 * bytes) : '1Gi');
}

// A mounted folder, not a subPath: only a folder is updated when the keys change. The group reads, nobody writes.
function apiKeysVolume({ secret: secretName, key }: SecretKey): Mount['volume'] & { readonly secret: object } {
  return {
    name: VOLUME_NAMES.apiKeys,
    secret: { secretName, defaultMode: 0o440, items: [{ key, path: API_KEYS_FILE }] },
  };
}
