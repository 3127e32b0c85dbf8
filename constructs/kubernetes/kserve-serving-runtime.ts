import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import {
  API_KEYS_FILE,
  COMPONENTS,
  IMAGE_COMMANDS,
  INFERENCE_ENV,
  LABELS,
  MANAGED_BY,
  PATHS,
  PORTS,
  RUN_AS,
  SHORT_GRACE_SECONDS,
  SHUTDOWN,
  VOLUMES,
  VOLUME_NAMES,
  modelCacheBytes,
  toEnv,
} from '../../runtime/contract';
import type { Placement } from '../scheduling';
import type { Auth } from './auth';
import { keysOfRuntime } from './errors';
import { MODEL_CACHE_GIB } from './model-budgets';
import { objectName } from './object-names';
import { CONTAINER_SECURITY, placementOf, sizedEmptyDir } from './pod-defaults';
import { INFERENCE_RESOURCES } from './resources';
import type { PodResources } from './resources';

/** Props of {@link KServeServingRuntime}. */
export interface KServeServingRuntimeProps {
  /** Name, by which an InferenceService asks for it. @default 'lnmt-onnx' */
  readonly name?: string;
  /** Image of the inference server, by digest. */
  readonly image: string;
  /**
   * How callers prove who they are. The Secret with the keys has to be in the namespace of every InferenceService that
   * uses the runtime.
   */
  readonly auth: Auth;
  /** Serves gRPC as KServe's `grpc-v2` in the place of HTTP, of which a pod of KServe offers one. @default false */
  readonly grpc?: boolean;
  /**
   * Rank among runtimes for ONNX where an InferenceService names none; the highest is taken.
   *
   * @default - it is taken only by its name
   */
  readonly priority?: number;
  /**
   * Requests and limits where an InferenceService states none. Of the memory limit of its pod a model may take what the server
   * leaves (384Mi), whoever states it.
   *
   * @default - those of an endpoint
   */
  readonly resources?: PodResources;
  /** Nodes that its pods may run on; an InferenceService may ask for more of them. @default - any */
  readonly placement?: Placement;
}

/** Where KServe puts the files of a model. @see https://kserve.github.io/website/docs/model-serving/storage/overview */
const MODEL_FOLDER = '/mnt/models';
/** What KServe replaces by the name of an InferenceService, in any text of a container. */
const SERVICE_NAME = '{{.Name}}';
/** The container that KServe knows a server by. */
const CONTAINER = 'kserve-container';
const API_VERSION = 'serving.kserve.io/v1alpha1';
/** Version of the format that KServe's own runtimes state. */
const FORMAT = { name: 'onnx', version: '1' } as const;
const PROBES = {
  startup: { period: 5, failures: 60 },
  live: { period: 10, failures: 3 },
  ready: { period: 5, failures: 2 },
};

/**
 * The inference server as a runtime of KServe for ONNX, speaking the Open Inference Protocol v2. `storageUri` of an
 * InferenceService leads to `model.onnx`, or to its folder, or to a folder with one for each version; the model is served
 * under the name of the InferenceService. It may also lead to a repository, whose folders name the models.
 *
 * A runtime cannot state how long its pods may take to end, and KServe gives them 30 seconds: requests have 10 once nothing new
 * is accepted. Where they take longer, an InferenceService sets `terminationGracePeriodSeconds` and, 20 below it, the variable
 * LNMT_GRACE_SECONDS of its model.
 *
 * @throws LNMT3000 for a name that is none, LNMT3018 for keys from the store
 */
export class KServeServingRuntime extends Construct {
  /** Name of the runtime. */
  readonly runtimeName: string;

  constructor(scope: Construct, id: string, props: KServeServingRuntimeProps) {
    super(scope, id);
    this.runtimeName = objectName(this, 'name', props.name ?? 'lnmt-onnx');
    const { priority, grpc = false, auth } = props;
    if (auth.secret?.source === 'store') throw keysOfRuntime(this, auth.secret.name);
    const chosen = priority === undefined ? { autoSelect: false } : { autoSelect: true, priority };
    new ApiObject(this, 'Runtime', {
      apiVersion: API_VERSION,
      kind: 'ClusterServingRuntime',
      metadata: {
        name: this.runtimeName,
        labels: { [LABELS.component]: COMPONENTS.inference, [LABELS.partOf]: 'lnmt', [LABELS.managedBy]: MANAGED_BY },
      },
      spec: {
        annotations: { 'prometheus.kserve.io/port': String(PORTS.metrics), 'prometheus.kserve.io/path': PATHS.metrics },
        supportedModelFormats: [{ ...FORMAT, ...chosen }],
        protocolVersions: [grpc ? 'grpc-v2' : 'v2'],
        containers: [container(props)],
        ...placementOf(props.placement, false),
        volumes: volumes(props),
      },
    });
  }
}

function environment({ auth, grpc }: KServeServingRuntimeProps): object[] {
  const settings = toEnv(INFERENCE_ENV, {
    modelRepository: `file://${MODEL_FOLDER}`,
    repositoryModel: SERVICE_NAME,
    modelLoading: 'pinned',
    modelCacheDir: VOLUMES.modelCache,
    bindAddress: '0.0.0.0',
    httpPort: String(PORTS.http),
    metricsPort: String(PORTS.metrics),
    grpcPort: grpc ? String(PORTS.grpc) : undefined,
    auth: auth.kind,
    authNoneReason: auth.reason,
    jwtIssuer: auth.jwt?.issuer,
    jwtAudience: auth.jwt?.audience,
    jwtJwksUri: auth.jwt?.jwksUri,
    jwtAlgorithms: auth.jwt?.algorithms?.join(','),
    jwtScopesClaim: auth.jwt?.scopesClaim,
    apiKeysDir: auth.secret ? VOLUMES.apiKeys : undefined,
    modelCacheBytes: String(modelCacheBytes(MODEL_CACHE_GIB)),
    drainDelay: String(SHUTDOWN.drainDelay),
    // A runtime cannot state the grace period of its pods.
    grace: String(SHORT_GRACE_SECONDS),
  });
  const literals = Object.entries(settings).map(([name, value]) => ({ name, value }));
  // The limit of the pod that comes to be: an InferenceService may state another one than the runtime.
  const limit = { containerName: CONTAINER, resource: 'limits.memory', divisor: '1' };
  return [...literals, { name: INFERENCE_ENV.memoryLimitBytes.name, valueFrom: { resourceFieldRef: limit } }];
}

function container(props: KServeServingRuntimeProps): object {
  const port = props.grpc ? { name: 'h2c', containerPort: PORTS.grpc } : { containerPort: PORTS.http };
  const ask = (path: string, { period, failures }: { readonly period: number; readonly failures: number }): object => ({
    httpGet: { path, port: PORTS.metrics, scheme: 'HTTP' },
    periodSeconds: period,
    timeoutSeconds: 3,
    failureThreshold: failures,
  });
  return {
    name: CONTAINER,
    image: props.image,
    command: IMAGE_COMMANDS.inference,
    env: environment(props),
    ports: [{ ...port, protocol: 'TCP' }],
    resources: (props.resources ?? INFERENCE_RESOURCES).render(),
    // The pod is KServe's, so that what a pod says elsewhere is said here.
    securityContext: {
      ...CONTAINER_SECURITY,
      runAsUser: RUN_AS.user,
      runAsGroup: RUN_AS.group,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    startupProbe: ask(PATHS.startup, PROBES.startup),
    livenessProbe: ask(PATHS.live, PROBES.live),
    readinessProbe: ask(PATHS.ready, PROBES.ready),
    lifecycle: { preStop: { sleep: { seconds: SHUTDOWN.preStopSleep } } },
    volumeMounts: [
      { name: VOLUME_NAMES.tmp, mountPath: VOLUMES.tmp },
      { name: VOLUME_NAMES.modelCache, mountPath: VOLUMES.modelCache },
      ...(props.auth.secret ? [{ name: VOLUME_NAMES.apiKeys, mountPath: VOLUMES.apiKeys, readOnly: true }] : []),
    ],
  };
}

function volumes({ auth }: KServeServingRuntimeProps): object[] {
  const keys = auth.secret && {
    name: VOLUME_NAMES.apiKeys,
    secret: { secretName: auth.secret.name, items: [{ key: API_KEYS_FILE, path: API_KEYS_FILE }] },
  };
  return [
    sizedEmptyDir(VOLUME_NAMES.tmp, '1Gi'),
    sizedEmptyDir(VOLUME_NAMES.modelCache, `${MODEL_CACHE_GIB}Gi`),
    ...(keys ? [keys] : []),
  ];
}
