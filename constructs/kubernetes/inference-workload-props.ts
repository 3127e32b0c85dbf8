import type { EgressRule } from '../cloud/egress';
import type { Placement } from '../scheduling';
import type { ImageFlavour } from '../../runtime/contract';
import type { Alerts } from './alerts';
import type { AuditVolume } from './audit-log';
import type { Auth } from './auth';
import type { IngressRule } from './network-policy';
import type { PodResources } from './resources';
import type { Rollout } from './rollout';
import type { Scaling } from './scaling';
import type { ServerFiles } from './server-files';
import type { ServerTls } from './server-tls';
import type { SecretStoreReference, SecretValues } from './secret-reference';
import type { Spread } from './spread';

/** An extended resource of a container. */
export interface AcceleratorRequest {
  /** Name of the extended resource, e.g. `nvidia.com/gpu`. */
  readonly resourceName: string;
  /** Devices of one pod. An inference server uses one. */
  readonly count: number;
}

/** ONNX Runtime execution providers that the server can be asked for. */
export type ExecutionProvider = 'cpu' | 'cuda' | 'tensorrt' | 'webgpu';

/** How often probes ask. What they ask, and the time for starting, is derived. */
export interface ProbeIntervals {
  /** Seconds between readiness probes. @default 5 */
  readonly readinessPeriodSeconds?: number;
  /** Seconds between liveness probes. @default 10 */
  readonly livenessPeriodSeconds?: number;
}

/**
 * Props of an {@link InferenceWorkload}. Strings may be late-bound, except names and whatever becomes a label or a map
 * key.
 */
export interface InferenceWorkloadProps {
  /** Name of the endpoint; all its objects are named after it. A DNS label of at most 52 characters. */
  readonly name: string;
  /** Namespace of all its objects. It has to exist. */
  readonly namespace: string;
  /**
   * Image of the inference server, by digest, with the features that the other props need: an annotation of the Deployment
   * lists them, `lnmt images build --features` takes them.
   */
  readonly image: string;
  /** Whether the image carries GPU libraries. @default - 'cuda' for a GPU execution provider, else 'cpu' */
  readonly imageFlavour?: ImageFlavour;
  /** Model that is served. */
  readonly model: { readonly name: string; readonly version: string };
  /** Root URI of the model store, e.g. `s3://bucket`. */
  readonly storeUri: string;
  /**
   * Further environment variables that are not secret. Some need a feature of the image: LNMT_GRAPHQL `graphql`,
   * OTEL_EXPORTER_OTLP_ENDPOINT `tracing`, LNMT_RESPONSE_CACHE_URL `redis`.
   *
   * @default {}
   */
  readonly env?: Readonly<Record<string, string>>;
  /** Environment variables whose values are secret, by their name. @default {} */
  readonly secretEnv?: SecretValues;
  /**
   * Files that are secret, by the setting that reads them, e.g. LNMT_PAYLOAD_LOG_KEY_FILE or LNMT_UPSTREAM_KEY_FILE. A secret of
   * Kubernetes has its value under the name of the setting, unless its reference names another key.
   *
   * @default {}
   */
  readonly secretFiles?: SecretValues;
  /** Service account, which this construct creates. @default - named like the endpoint, without annotations */
  readonly serviceAccount?: { readonly name?: string; readonly annotations?: Readonly<Record<string, string>> };
  /** Further labels of the pods, e.g. those of a workload identity. @default {} */
  readonly podLabels?: Readonly<Record<string, string>>;
  /** Number of replicas. @default Scaling.between(2, 10).cpu(70) */
  readonly scaling?: Scaling;
  /**
   * Requests and limits, accelerators apart. Without an accelerator a model may take what the server leaves of the limit
   * (384Mi), and all loaded ones together no more, where `files` or `env` names further models.
   *
   * @default - 1 CPU without limit, 2Gi memory, with an accelerator 8Gi
   */
  readonly resources?: PodResources;
  /** Accelerator of each pod; the server uses one. @default - none */
  readonly accelerator?: AcceleratorRequest;
  /** Node pool. @default - any node */
  readonly placement?: Placement;
  /** `strict` needs one node a replica: the pool must hold `maxReplicas` nodes. @default 'preferred' */
  readonly spread?: Spread;
  /** How pods are replaced. @default Rollout.surge() */
  readonly rollout?: Rollout;
  /** How callers prove who they are. */
  readonly auth: Auth;
  /** Store of secrets that `auth`, `secretEnv` and `secretFiles` take from one. @default - none */
  readonly secretStore?: SecretStoreReference;
  /** Where the pods may connect to, DNS apart: at least the model store and credential endpoints. @default [] */
  readonly egress?: readonly EgressRule[];
  /** Who may call the endpoint. @default - nobody: a port-forward still reaches it */
  readonly ingressFrom?: readonly IngressRule[];
  /** Namespace of the Prometheus that scrapes the metrics port. @default - no ServiceMonitor, metrics closed */
  readonly scraperNamespace?: string;
  /** When somebody is told, where `scraperNamespace` is set. @default Alerts.at() */
  readonly alerts?: Alerts;
  /** A dashboard for the Grafana of kube-prometheus-stack, where `scraperNamespace` is set. @default true */
  readonly dashboard?: boolean;
  /**
   * Seconds that a start with an empty model cache is expected to take. Twice as long is allowed; where that is more than 600,
   * each load of a model may take it, too.
   *
   * @default 60, with an accelerator 300
   */
  readonly startupSeconds?: number;
  /**
   * Seconds that requests in flight may take once a pod that ends takes no more, such as long generations. The pod is given
   * 20 seconds beside them: 10 until nobody sends it requests, 10 to end.
   *
   * @default 25
   */
  readonly graceSeconds?: number;
  /**
   * Room for model files on the node's disk in GiB. Verified files may hold four fifths of it: a model that is replaced has to
   * fit there beside its successor, and those used least of late go.
   *
   * @default 10
   */
  readonly modelCacheGiB?: number;
  /**
   * What ONNX Runtime runs models with. The bundled images can 'cpu' and 'cuda'; 'tensorrt' and 'webgpu' need an `image` on
   * a base with the libraries of TensorRT, or with a Vulkan loader.
   *
   * @default - 'cuda' with an accelerator, else 'cpu'
   */
  readonly executionProvider?: ExecutionProvider;
  /** Files that the server reads: further models, pipelines, policies, keys of signers. @default - none */
  readonly files?: ServerFiles;
  /** The certificate by which it speaks HTTPS, and gRPC over TLS. @default - it speaks plain HTTP */
  readonly tls?: ServerTls;
  /** Where its audit log is kept beyond its pods. @default - there is none, unless `env` names a file */
  readonly auditLog?: AuditVolume;
  /** Leaves operators that the GPU provider lacks to the CPU, in the place of refusing the model. @default false */
  readonly allowCpuFallback?: boolean;
  /** Serves gRPC beside HTTP. The image needs the feature `grpc`. @default false */
  readonly grpc?: boolean;
  /** How often probes ask. @default - see {@link ProbeIntervals} */
  readonly probes?: ProbeIntervals;
  /** PriorityClass of the pods. @default - the cluster's default */
  readonly priorityClassName?: string;
  /** Platform that the endpoint belongs to, as a label of every object. @default - none */
  readonly platform?: string;
}
