import type { Construct } from 'constructs';
import { Accelerator, GPU_TAINT, ordered, poolPlacement, refuseGap, selectShape, wholeNumber } from 'lnmt';
import type {
  CapabilityGaps,
  ClusterConnection,
  ClusterProps,
  GpuNodePoolProps,
  ICluster,
  INetwork,
  INodePool,
  KubernetesVersion,
  NetworkProps,
  NodePoolProps,
  NodeShape,
  Placement,
} from 'lnmt';
import { WORKSHOP, WorkshopBlock, nameOf } from './workshop-block';

/** What this provider rents out. */
export const WORKSHOP_SHAPES: readonly NodeShape[] = [
  { name: 'bench-4', gpus: 0, vcpus: 4, memoryGiB: 16, architecture: 'amd64' },
  { name: 'bench-16', gpus: 0, vcpus: 16, memoryGiB: 64, architecture: 'amd64' },
  { name: 'lathe-l4', accelerator: Accelerator.NVIDIA_L4, gpus: 1, vcpus: 8, memoryGiB: 32, architecture: 'amd64' },
];

/** What it does not, with what to do instead: raised when it is asked for, and listed by `lnmt plan`. */
export const WORKSHOP_GAPS: CapabilityGaps = {
  'virtual-machine': { reason: 'it rents out clusters only', alternative: 'use a pod, or a machine elsewhere' },
  'spot-capacity': { reason: 'prices are flat', alternative: 'use Capacity.onDemand()' },
  'reserved-capacity': { reason: 'prices are flat', alternative: 'use Capacity.onDemand()' },
  'parallel-file-store': { reason: 'it has no fast fabric', alternative: 'use the file store' },
  'document-store': { reason: 'it runs PostgreSQL only', alternative: 'use the relational database' },
  'encryption-key': {
    reason: 'it keeps the keys',
    alternative: 'leave the key out: everything is encrypted with its own',
  },
  'dns-zone': { reason: 'it has no name servers', alternative: 'enter records where the domain is kept' },
  backup: { reason: 'the database has its own', alternative: 'use backupRetentionDays of the database' },
};

export class WorkshopNetwork extends WorkshopBlock implements INetwork {
  readonly cidr: string;

  constructor(scope: Construct, id: string, props: NetworkProps) {
    const cidr = props.cidr ?? '10.0.0.0/16';
    super(scope, id, { network: nameOf(props.naming), cidr });
    this.cidr = cidr;
  }
}

export class WorkshopCluster extends WorkshopBlock implements ICluster {
  readonly clusterName: string;
  readonly version: KubernetesVersion;
  readonly connection: ClusterConnection;
  readonly kubeconfigCommand: string;
  readonly servesResourceMetrics = true;

  constructor(scope: Construct, id: string, props: ClusterProps) {
    const name = nameOf(props.naming);
    super(scope, id, {
      cluster: name,
      version: props.version,
      host: `https://${name}.k8s.workshop.example`,
      authority: 'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t',
      allowed: props.access.publicCidrs,
    });
    this.on({ network: props.network, encryptionKey: props.encryptionKey });
    this.keep('cluster', props);
    this.clusterName = this.resource.output('cluster');
    this.version = props.version;
    this.connection = {
      kind: 'exec',
      host: this.resource.output('host'),
      certificateAuthorityData: this.resource.output('authority'),
      command: 'workshop',
      args: ['token', '--cluster', this.clusterName],
    };
    this.kubeconfigCommand = `workshop kubeconfig ${this.clusterName}`;
  }
}

export class WorkshopNodePool extends WorkshopBlock implements INodePool {
  readonly poolName: string;
  readonly shape: NodeShape;
  readonly minNodes: number;
  readonly maxNodes: number;
  readonly placement: Placement;
  readonly fabricResources = {};

  constructor(scope: Construct, id: string, props: NodePoolProps | GpuNodePoolProps) {
    const request =
      'accelerator' in props
        ? {
            accelerator: props.accelerator,
            gpus: props.gpusPerNode ?? 1,
            vcpus: props.vcpus,
            memoryGiB: props.memoryGiB,
          }
        : { vcpus: props.vcpus ?? 4, memoryGiB: props.memoryGiB ?? 16 };
    const shape = selectShape(WORKSHOP, WORKSHOP_SHAPES, request, props.prices, scope);
    const minNodes = wholeNumber(scope, 'minNodes', props.minNodes ?? 0, { min: 0 });
    const maxNodes = wholeNumber(scope, 'maxNodes', props.maxNodes, { min: 1, max: 100 });
    ordered(scope, ['minNodes', minNodes], ['maxNodes', maxNodes]);
    super(scope, id, { pool: props.name, shape: shape.name, minNodes, maxNodes });
    this.on({ cluster: props.cluster });
    for (const { kind } of props.capacity ?? []) {
      if (kind !== 'on-demand') refuseGap({ name: WORKSHOP, gaps: WORKSHOP_GAPS }, this, `${kind}-capacity`);
    }
    this.poolName = props.name;
    this.shape = shape;
    this.minNodes = minNodes;
    this.maxNodes = maxNodes;
    this.placement = poolPlacement(props.name, shape.accelerator ? [GPU_TAINT] : []);
  }
}
