import { Annotations } from 'cdktf';
import { Construct } from 'constructs';
import type { Accelerator } from './accelerators';
import type { Capacity } from './capacity';
import { freeId, wholeNumber } from './checks';
import type { DeploymentCheck, EgressRule, INodePool, IWorkloadIdentity, StoreBinding } from './cloud';
import { expectCloud } from './cloud';
import { acceleratorsIdle, imageMissing, modelMissing } from './errors';
import { endpointImage } from './endpoint-image';
import type { EndpointImage } from './endpoint-image';
import { EndpointMetrics } from './endpoint-metrics';
import type { Images } from './images';
import { InferenceWorkload, Rollout, Scaling, inferenceResources } from './kubernetes';
import type {
  Alerts,
  AuditVolume,
  Auth,
  ExecutionProvider,
  IngressRule,
  InferenceWorkloadProps,
  PodResources,
  ProbeIntervals,
  ServerFiles,
  SecretReference,
  ServerTls,
  Spread,
} from './kubernetes';
import { imageFeatures } from './kubernetes/image-features';
import type { LnmtPlatform } from './lnmt-platform';
import type { Model } from './model';
import { KUBERNETES_NAMES, legalName } from './names';
import { ownPool, placementFor, replicasFit } from './replicas-fit';
import type { ReplicaNeeds } from './replicas-fit';
import type { Placement } from './scheduling';
import type { Architecture, PriceTable } from './select-shape';
import { DEFAULT_IMAGE_FEATURES, PORTS, buildCommand } from '../runtime/contract';
import type { ImageFeature } from '../runtime/contract';
import type { Workloads } from './delivery';

/** Props of an {@link InferenceEndpoint}. */
export interface InferenceEndpointProps {
  /** The platform that it runs on. Its infrastructure lives in another stack. */
  readonly platform: LnmtPlatform;
  /** What it serves. */
  readonly model: Model;
  /** How callers prove who they are. */
  readonly auth: Auth;
  /** Name of its Kubernetes objects. @default - the construct's id */
  readonly name?: string;
  /** @default - the platform's */
  readonly images?: Images;
  /**
   * An image of your own by digest, in place of the bundled one: a server on another base, with TensorRT or a Vulkan loader.
   *
   * @default - the one of `images` that fits `executionProvider`
   */
  readonly image?: string;
  /** CPU architectures that the image is built for: those of the machines that built it. @default ['amd64'] */
  readonly architectures?: readonly Architecture[];
  /** @default Scaling.between(2, 10).cpu(70) */
  readonly scaling?: Scaling;
  /**
   * Requests and limits, accelerators apart. Without an accelerator a model may take what the server leaves of the limit
   * (384Mi), and all loaded ones together no more, where `files` or `env` names further models.
   *
   * @default - 1 CPU without limit, 2Gi memory, with an accelerator 8Gi
   */
  readonly resources?: PodResources;
  /** Accelerator of each replica. @default - none: it runs on CPUs */
  readonly accelerator?: Accelerator;
  /**
   * Accelerators of each replica: one, because the server runs all its models on one device. More replicas use more of them,
   * and a node with several holds as many replicas.
   *
   * @default 1
   */
  readonly gpus?: number;
  /** Pool that it runs on. @default - the platform's general pool; with an accelerator a pool of its own */
  readonly nodes?: INodePool;
  /** Capacity ladder of its own pool. @default [Capacity.onDemand()] */
  readonly capacity?: readonly Capacity[];
  /**
   * Nodes of its own pool, at most. A pool that `rollout` could not update the largest number of replicas in is refused.
   *
   * @default - as many as hold the largest number of replicas and, where none of them may be missing, those that `rollout` adds
   */
  readonly maxNodes?: number;
  /** Prices for its own pool by shape name. @default - none */
  readonly prices?: PriceTable;
  /** `strict` puts every replica on a node of its own. @default 'preferred' */
  readonly spread?: Spread;
  /** How replicas are replaced. @default Rollout.surge() */
  readonly rollout?: Rollout;
  /** Who may call it inside the cluster. @default - nobody: a port-forward still reaches it */
  readonly ingressFrom?: readonly IngressRule[];
  /** Where its pods may connect to, besides the model store and the cloud's credential endpoints. @default [] */
  readonly egress?: readonly EgressRule[];
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
   * What ONNX Runtime runs models with. The bundled images can 'cpu' and 'cuda'; 'tensorrt' and 'webgpu' need `image`.
   *
   * @default - 'cuda' with an accelerator, else 'cpu'
   */
  readonly executionProvider?: ExecutionProvider;
  /**
   * Files that the server reads: further models, pipelines, policies, keys of signers. Its identity may read its own model;
   * others are granted with `platform.modelStore.grants.read(endpoint.identity, 'NAME/')`.
   *
   * @default - none
   */
  readonly files?: ServerFiles;
  /** The certificate by which it speaks HTTPS, and gRPC over TLS. @default - it speaks plain HTTP */
  readonly tls?: ServerTls;
  /** Where its audit log is kept beyond its pods. @default - there is none, unless `env` names a file */
  readonly auditLog?: AuditVolume;
  /** Leaves operators that the GPU provider lacks to the CPU, in the place of refusing the model. @default false */
  readonly allowCpuFallback?: boolean;
  /**
   * Serves gRPC beside HTTP, over the same models and with the same access. The image needs the feature `grpc`, as it has
   * unless it was built with others.
   *
   * @default false
   */
  readonly grpc?: boolean;
  /**
   * Further environment variables that are not secret. Some need a feature of the image: LNMT_GRAPHQL `graphql`,
   * OTEL_EXPORTER_OTLP_ENDPOINT `tracing`, LNMT_RESPONSE_CACHE_URL `redis`.
   *
   * @default {}
   */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Environment variables whose values are secret, by their name, e.g. the password of a shared response cache.
   *
   * @default {}
   */
  readonly secretEnv?: Readonly<Record<string, SecretReference>>;
  /**
   * Files that are secret, by the setting that reads them, e.g. `{ LNMT_UPSTREAM_KEY_FILE: SecretReference.fromStore('upstream') }`.
   * A Kubernetes Secret has its value under the name of the setting, unless its reference names another key.
   *
   * @default {}
   */
  readonly secretFiles?: Readonly<Record<string, SecretReference>>;
  /** How often probes ask. @default - every 5 seconds for readiness, every 10 for liveness */
  readonly probes?: ProbeIntervals;
  /** PriorityClass of the pods. @default - the cluster's default */
  readonly priorityClassName?: string;
  /** When somebody is told, on a platform with monitoring. @default Alerts.at() */
  readonly alerts?: Alerts;
  /** A dashboard in Grafana, on a platform with monitoring. @default true */
  readonly dashboard?: boolean;
}

/**
 * A model behind an Open Inference Protocol server: Deployment, Service, HorizontalPodAutoscaler (with the adapter rule that
 * makes its metric exist), PodDisruptionBudget, NetworkPolicy, ServiceAccount with read-only access to its model,
 * ServiceMonitor, alerts, a dashboard, probes and drain.
 *
 * @example
 * new InferenceEndpoint(workloads, 'digits', {
 *   platform,
 *   model: Model.fromStore('digits', 3),
 *   scaling: Scaling.between(3, 50).cpu(70).requestsPerSecond(100),
 *   auth: Auth.apiKeys(SecretReference.fromStore('digits-api-keys')),
 * });
 */
export class InferenceEndpoint extends Construct {
  /** Name of its Service and Deployment. */
  readonly endpointName: string;
  readonly namespace: string;
  /** Name of the model that it serves. */
  readonly modelName: string;
  /** What its pods may do in the cloud. */
  readonly identity: IWorkloadIdentity;
  /** Pool that it runs on; undefined where any node will do. */
  readonly nodes: INodePool | undefined;
  readonly scaling: Scaling;
  /** Features that its image must have, as `lnmt images build --features` takes them. */
  readonly imageFeatures: readonly ImageFeature[];
  /** Queries for dashboards and alerts. */
  readonly metrics: EndpointMetrics;
  private readonly scheme: 'http' | 'https';
  private readonly placement: Placement | undefined;
  private readonly workloads: Workloads;

  /**
   * @throws LNMT1001 for a name that cannot be used, LNMT1002 for an impossible count, LNMT1006 when the target has no such
   * accelerator, LNMT1007 for capacity that it does not offer, LNMT1008 for a pool of another cloud, LNMT1009 when the pool
   * cannot hold the replicas, LNMT1010 for a missing image digest, LNMT1011 in the platform's own stack, LNMT1013 without a
   * model store, without images, or without the secret store or the monitoring that its secrets or its scaling need, LNMT1018
   * before the platform has a stack of workloads, LNMT1020 for an id that is taken, LNMT1021 for an execution provider that the
   * bundled image cannot load, LNMT1022 for several accelerators a replica, LNMT1023 when no node holds a replica, LNMT1024 when
   * the nodes cannot run the image; at synthesis what an InferenceWorkload throws
   */
  constructor(scope: Construct, id: string, props: InferenceEndpointProps) {
    super(scope, freeId(scope, id));
    const { platform } = props;
    this.workloads = platform.workloadsFor(this);
    this.endpointName = legalName(KUBERNETES_NAMES.workload, [props.name ?? id], this);
    this.namespace = platform.namespaces.inference;
    this.modelName = props.model.name;
    this.scheme = props.tls === undefined ? 'http' : 'https';
    this.scaling = props.scaling ?? Scaling.between(2, 10).cpu(70);
    this.requireBlocks(props);
    this.checkAccelerators(props.gpus);
    const { maxReplicas } = this.scaling;
    const needs: ReplicaNeeds = {
      maxReplicas,
      surge: (props.rollout ?? Rollout.surge()).surgeOf(maxReplicas),
      gpus: props.accelerator === undefined ? 0 : 1,
      resources: inferenceResources(props),
      strict: props.spread === 'strict',
    };
    this.nodes = this.definePool(props, needs);
    replicasFit(this, this.nodes, needs);
    this.placement = placementFor(this, this.nodes, props.architectures);
    this.identity = platform.cloud.security.workloadIdentity(this, 'identity', {
      cluster: platform.cluster,
      namespace: this.namespace,
      serviceAccountName: this.endpointName,
      naming: [platform.platformName, this.endpointName],
    });
    this.warnAboutOpenEndpoint(props.auth);
    this.metrics = new EndpointMetrics(this.namespace, props.model.name, this.endpointName);
    this.imageFeatures = this.defineWorkload(props);
  }

  /** URL inside the cluster. */
  get url(): string {
    return `${this.scheme}://${this.endpointName}.${this.namespace}.svc:${PORTS.http}`;
  }

  /** Host and port of gRPC inside the cluster; nothing listens there unless `grpc` is set. */
  get grpcAddress(): string {
    return `${this.endpointName}.${this.namespace}.svc:${PORTS.grpc}`;
  }

  private requireBlocks({ platform, auth, secretEnv = {}, secretFiles = {} }: InferenceEndpointProps): void {
    const secrets = [...Object.values(secretEnv), ...Object.values(secretFiles), ...(auth.secret ? [auth.secret] : [])];
    if (secrets.some(({ source }) => source === 'store')) {
      platform.require(this, 'secretStore', platform.secretStore, 'an endpoint with keys from the store');
    }
    if (this.scaling.requestsPerSecondPerPod !== undefined) {
      platform.require(this, 'monitoring', platform.monitoring?.scraperNamespace, 'scaling by requestsPerSecond');
    }
  }

  private checkAccelerators(gpus = 1): void {
    if (wholeNumber(this, 'gpus', gpus, { min: 1 }) > 1) throw acceleratorsIdle(this, 'gpus', gpus);
  }

  private warnAboutOpenEndpoint(auth: Auth): void {
    if (!auth.methods.includes('none')) return;
    Annotations.of(this).addWarning(
      `endpoint ${this.endpointName} answers anyone who reaches it, because: ${auth.reason ?? 'no reason given'}`,
    );
  }

  private definePool(props: InferenceEndpointProps, needs: ReplicaNeeds): INodePool | undefined {
    const { platform, accelerator } = props;
    if (props.nodes !== undefined) return expectCloud(this, 'nodes', props.nodes, platform.cloud.name);
    if (accelerator === undefined) return platform.nodes;
    const { vcpus, memoryGiB, nodes } = ownPool(this, platform.cloud, { ...props, accelerator }, needs);
    const pool = platform.cloud.compute.gpuNodePool(this, 'nodes', {
      cluster: platform.cluster,
      name: legalName({ maxLength: 30 }, [this.endpointName], this),
      accelerator,
      ...{ gpusPerNode: 1, vcpus, memoryGiB, rollingUpdates: true },
      maxNodes: wholeNumber(this, 'maxNodes', props.maxNodes ?? nodes, { min: 1, max: 5000 }),
      ...(props.capacity === undefined ? {} : { capacity: props.capacity }),
      ...(props.prices === undefined ? {} : { prices: props.prices }),
    });
    this.workloads.add(pool, pool.kubernetes);
    return pool;
  }

  private defineWorkload(props: InferenceEndpointProps): readonly ImageFeature[] {
    const { platform, model } = props;
    const store = platform.require(this, 'modelStore', platform.modelStore, 'an inference endpoint');
    store.grants.read(this.identity, `${model.name}/`);
    const image = endpointImage(this, props, props.images ?? platform.images, platform.registry);
    const workload = this.workloadProps(props, image, store.uri, store.binding);
    const missing = modelMissing(this, model.name, model.version).message;
    const checks = [store.objectExists(this, 'model', model.manifestKey, missing), this.imageCheck(platform, image)];
    this.workloads.add(this, {
      addons: [],
      objects: [
        {
          id: 'endpoint',
          layer: '30-apps',
          namespace: this.namespace,
          define: (chart) => void new InferenceWorkload(chart, 'workload', workload),
          checks: checks.filter((check) => check !== undefined),
        },
      ],
    });
    this.workloads.add(this.identity, this.identity.kubernetes);
    return this.noteFeatures(imageFeatures(workload), image);
  }

  /** Says what the image must have beyond what every image has: without it the server ends when it starts. */
  private noteFeatures(features: readonly ImageFeature[], { flavour }: EndpointImage): readonly ImageFeature[] {
    const common: readonly ImageFeature[] = DEFAULT_IMAGE_FEATURES;
    const further = features.filter((feature) => !common.includes(feature));
    if (further.length > 0) {
      const command = buildCommand(features, flavour);
      Annotations.of(this).addInfo(
        `the image of endpoint ${this.endpointName} needs ${further.join(', ')}, e.g. by \`${command}\``,
      );
    }
    return features;
  }

  private imageCheck({ registry }: LnmtPlatform, { own }: EndpointImage): DeploymentCheck | undefined {
    if (own === undefined) return undefined;
    return registry?.imageExists(this, 'image', own, imageMissing(this, own.repository, own.digest).message);
  }

  private workloadProps(
    props: InferenceEndpointProps,
    image: EndpointImage,
    storeUri: string,
    binding: StoreBinding,
  ): InferenceWorkloadProps {
    const { platform, accelerator } = props;
    return {
      ...passedOn(props),
      auth: props.auth,
      name: this.endpointName,
      namespace: this.namespace,
      platform: platform.platformName,
      image: image.reference,
      imageFlavour: image.flavour,
      executionProvider: image.provider,
      model: { name: props.model.name, version: props.model.version },
      storeUri,
      env: { ...binding.env, ...props.env },
      secretEnv: { ...binding.secretEnv, ...props.secretEnv },
      serviceAccount: { name: this.endpointName, annotations: this.identity.serviceAccountAnnotations },
      podLabels: this.identity.podLabels,
      scaling: this.scaling,
      accelerator: accelerator && { resourceName: accelerator.resourceName, count: 1 },
      placement: this.placement,
      secretStore: platform.secretStore,
      egress: [...platform.cloud.security.egress, ...binding.egress, ...(props.egress ?? [])],
      scraperNamespace: platform.monitoring?.scraperNamespace,
    };
  }
}

/** What an endpoint says of its workload in the same words. */
function passedOn(props: InferenceEndpointProps): Partial<InferenceWorkloadProps> {
  const { allowCpuFallback, resources, spread, rollout, ingressFrom, startupSeconds, modelCacheGiB } = props;
  const { graceSeconds, grpc, files, secretFiles, tls, auditLog, probes, priorityClassName } = props;
  const { alerts, dashboard } = props;
  return {
    ...{ allowCpuFallback, resources, spread, rollout, ingressFrom, startupSeconds, modelCacheGiB },
    ...{ graceSeconds, grpc, files, secretFiles, tls, auditLog, probes, priorityClassName, alerts, dashboard },
  };
}
