import { Construct } from 'constructs';
import type { Accelerator } from './accelerators';
import type { Capacity } from './capacity';
import { freeId, ordered, wholeNumber } from './checks';
import type { INodePool, IObjectStore, IParallelFileStore, IWorkloadIdentity, KubernetesObjects } from './cloud';
import { expectCloud } from './cloud';
import type { Block } from './cloud/building-block';
import type { Workloads } from './delivery';
import { imageMissing } from './errors';
import type { Images } from './images';
import type { PodResources } from './kubernetes';
import { TrainingQueue, TrainingWorkload } from './kubernetes';
import type { LnmtPlatform } from './lnmt-platform';
import { KUBERNETES_NAMES, legalName } from './names';
import { placementFor } from './replicas-fit';
import type { Architecture, PriceTable } from './select-shape';
import { jobResources, nodeResources } from './training-resources';

/** Options of the scratch of a training cluster. */
export interface ScratchOptions {
  /** Size in GiB; rounded up to what the target sells. @default 1200 */
  readonly sizeGiB?: number;
}

/** Options of the sample job of a training cluster. */
export interface SampleJobOptions {
  /** Nodes that train together. @default 1 */
  readonly nodes?: number;
  /** Arguments of the training server. @default - none */
  readonly args?: readonly string[];
  /** Requests and limits, GPUs and fabric apart. @default - most of a node */
  readonly resources?: PodResources;
  /** CPU architectures that the image is built for: those of the machines that built it. @default ['amd64'] */
  readonly architectures?: readonly Architecture[];
}

/** Props of a {@link GpuTrainingCluster}. */
export interface GpuTrainingClusterProps {
  /** The platform that it belongs to. Its infrastructure lives in another stack. */
  readonly platform: LnmtPlatform;
  readonly accelerator: Accelerator;
  /** Accelerators of one node, at least. @default 8 */
  readonly gpusPerNode?: number;
  /** @default 0 */
  readonly minNodes?: number;
  readonly maxNodes: number;
  /** Rungs in the order in which they are tried. @default [Capacity.onDemand()] */
  readonly capacity?: readonly Capacity[];
  /** `auto` uses the fast fabric of the node shape. @default 'auto' */
  readonly fabric?: 'auto' | 'none';
  /** Prices by shape name. @default - none: the smallest shape is chosen */
  readonly prices?: PriceTable;
  /** An existing pool in place of a new one. @default - a pool of its own */
  readonly nodes?: INodePool;
  /** Parallel scratch. @default - created where the target has a parallel file system */
  readonly scratch?: Block<ScratchOptions, IParallelFileStore>;
  /** Store that receives checkpoints. @default - a store of its own */
  readonly checkpoints?: IObjectStore;
  /** A sample job, suspended in the queue until it is admitted. @default - none */
  readonly sampleJob?: SampleJobOptions;
  /** @default - the platform's; needed for a sample job */
  readonly images?: Images;
}

/**
 * Nodes with accelerators for training: a pool with a capacity ladder and the fast fabric of its shape, parallel scratch,
 * a store for checkpoints, an identity that may write there, and a queue that admits whole jobs.
 *
 * The GPU software (driver, toolkit, device plugin) belongs to the cloud's one mode, so that each part has exactly one
 * owner on every node.
 *
 * @example
 * new GpuTrainingCluster(workloads, 'trainers', {
 *   platform,
 *   accelerator: Accelerator.NVIDIA_H100,
 *   gpusPerNode: 8,
 *   maxNodes: 4,
 *   capacity: [Capacity.reserved({ id: 'cr-0a1b' }), Capacity.onDemand(), Capacity.spot()],
 * });
 */
export class GpuTrainingCluster extends Construct {
  /** Name of pool, queue and service account. */
  readonly clusterName: string;
  readonly namespace: string;
  readonly nodes: INodePool;
  readonly checkpoints: IObjectStore;
  readonly scratch: IParallelFileStore | undefined;
  /** Claim of the scratch in {@link namespace}. */
  readonly scratchClaimName: string | undefined;
  /** What training pods may do in the cloud. */
  readonly identity: IWorkloadIdentity;
  private readonly workloads: Workloads;

  /**
   * @throws LNMT1001 for a name that cannot be used, LNMT1002 and LNMT1003 for impossible counts, LNMT1006 when no shape fits,
   * LNMT1007 for capacity or scratch that the target does not offer, LNMT1008 for things of another cloud, LNMT1010 and LNMT1013
   * for a sample job without its image, LNMT1011 in the platform's own stack, LNMT1018 before the platform has a stack of
   * workloads, LNMT1020 for an id that is taken, LNMT1024 when the nodes cannot run the image of the sample job
   */
  constructor(scope: Construct, id: string, props: GpuTrainingClusterProps) {
    super(scope, freeId(scope, id));
    const { platform } = props;
    wholeNumber(this, 'maxNodes', props.maxNodes, { min: 1, max: 5000, unit: 'nodes' });
    wholeNumber(this, 'minNodes', props.minNodes ?? 0, { min: 0, max: 5000, unit: 'nodes' });
    wholeNumber(this, 'gpusPerNode', props.gpusPerNode ?? 8, { min: 1, max: 72, unit: 'GPUs' });
    ordered(this, ['minNodes', props.minNodes ?? 0], ['maxNodes', props.maxNodes]);
    this.workloads = platform.workloadsFor(this);
    this.clusterName = legalName({ maxLength: 30 }, [id], this);
    this.namespace = platform.namespaces.training;
    this.nodes = this.definePool(props);
    this.checkpoints = this.defineCheckpoints(props);
    this.scratch = this.defineScratch(props);
    this.scratchClaimName = this.scratch?.claim(this.namespace).claimName;
    this.identity = platform.cloud.security.workloadIdentity(this, 'identity', {
      cluster: platform.cluster,
      namespace: this.namespace,
      serviceAccountName: this.clusterName,
      naming: [platform.platformName, this.clusterName],
    });
    this.checkpoints.grants.readWrite(this.identity);
    platform.modelStore?.grants.read(this.identity);
    this.record(props);
  }

  private definePool(props: GpuTrainingClusterProps): INodePool {
    const { cloud, cluster } = props.platform;
    if (props.nodes !== undefined) return expectCloud(this, 'nodes', props.nodes, cloud.name);
    return cloud.compute.gpuNodePool(this, 'nodes', {
      cluster,
      name: this.clusterName,
      accelerator: props.accelerator,
      gpusPerNode: props.gpusPerNode ?? 8,
      minNodes: props.minNodes ?? 0,
      maxNodes: props.maxNodes,
      fabric: props.fabric ?? 'auto',
      ...(props.capacity === undefined ? {} : { capacity: props.capacity }),
      ...(props.prices === undefined ? {} : { prices: props.prices }),
    });
  }

  private defineCheckpoints(props: GpuTrainingClusterProps): IObjectStore {
    const { cloud, platformName, onRemoval, encryptionKey } = props.platform;
    if (props.checkpoints !== undefined) return expectCloud(this, 'checkpoints', props.checkpoints, cloud.name);
    return cloud.storage.objectStore(this, 'checkpoints', {
      naming: [platformName, this.clusterName, 'checkpoints'],
      onRemoval,
      ...(encryptionKey === undefined ? {} : { encryptionKey }),
    });
  }

  private defineScratch(props: GpuTrainingClusterProps): IParallelFileStore | undefined {
    const { scratch, platform } = props;
    const { cloud, platformName, network, cluster, encryptionKey } = platform;
    if (scratch?.kind === 'off') return undefined;
    if (scratch?.block !== undefined) return expectCloud(this, 'scratch', scratch.block, cloud.name);
    if (scratch === undefined && cloud.gaps['parallel-file-store'] !== undefined) return undefined;
    return cloud.storage.parallelFileStore(this, 'scratch', {
      ...scratch?.options,
      network,
      cluster,
      naming: [platformName, this.clusterName, 'scratch'],
      // Scratch is rebuilt, not restored: keeping it would only cost.
      onRemoval: 'destroy',
      ...(encryptionKey === undefined ? {} : { encryptionKey }),
    });
  }

  private record(props: GpuTrainingClusterProps): void {
    const queue: KubernetesObjects = {
      id: 'queue',
      layer: '20-platform',
      define: (chart) =>
        void new TrainingQueue(chart, 'queue', {
          name: this.clusterName,
          namespaces: [this.namespace],
          placement: this.nodes.placement,
          maxNodes: this.nodes.maxNodes,
          nodeResources: nodeResources(this.nodes, props.accelerator),
        }),
    };
    for (const block of [this.nodes, this.checkpoints, this.scratch, this.identity]) {
      if (block !== undefined && block.node.scope === this) this.workloads.add(block, block.kubernetes);
    }
    const sample = props.sampleJob === undefined ? [] : [this.sampleJob(props, props.sampleJob)];
    this.workloads.add(this, { addons: [], objects: [queue, ...sample] });
  }

  private sampleJob(props: GpuTrainingClusterProps, options: SampleJobOptions): KubernetesObjects {
    const { platform, accelerator } = props;
    const placement = placementFor(this, this.nodes, options.architectures);
    const images = platform.require(this, 'images', props.images ?? platform.images, 'a sample job');
    const { binding, uri } = this.checkpoints;
    const name = legalName(KUBERNETES_NAMES.workload, [this.clusterName, 'sample'], this);
    const image = images.reference(this, 'training', 'cuda', platform.registry);
    const own = images.own('training', 'cuda');
    const check =
      own && platform.registry?.imageExists(this, 'image', own, imageMissing(this, own.repository, own.digest).message);
    return {
      id: 'sample-job',
      layer: '30-apps',
      namespace: this.namespace,
      checks: check === undefined ? [] : [check],
      define: (chart) =>
        void new TrainingWorkload(chart, 'job', {
          name,
          namespace: this.namespace,
          platform: platform.platformName,
          image,
          args: options.args,
          nodes: options.nodes ?? 1,
          gpusPerNode: this.nodes.shape.gpus,
          gpuResourceName: accelerator.resourceName,
          fabricResources: this.nodes.fabricResources,
          resources: options.resources ?? jobResources(this.nodes),
          placement,
          queue: this.clusterName,
          checkpointUri: uri,
          scratchClaimName: this.scratchClaimName,
          env: binding.env,
          secretEnv: binding.secretEnv,
          serviceAccount: { name: this.clusterName, annotations: this.identity.serviceAccountAnnotations },
          podLabels: this.identity.podLabels,
          egress: [...platform.cloud.security.egress, ...binding.egress],
        }),
    };
  }
}
