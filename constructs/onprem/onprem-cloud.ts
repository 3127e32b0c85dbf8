import type { TerraformStack } from 'cdktf';
import type { Construct } from 'constructs';
import type {
  CapabilityGaps,
  ICloud,
  IComputeProvider,
  IDataProvider,
  IOperationsProvider,
  ISecurityProvider,
  IStorageProvider,
} from '../cloud/cloud';
import type { NodeShape } from '../select-shape';
import { OnPremBackup } from './backup';
import { OnPremCache } from './cache';
import { OnPremCluster } from './cluster';
import { OnPremContainerRegistry } from './container-registry';
import { ONPREM } from './context';
import type { OnPremContext, OnPremSite } from './context';
import { OnPremDnsZone } from './dns-zone';
import { OnPremDocumentStore } from './document-store';
import { onPremEncryptionKey } from './encryption-key';
import { bucketClaimsNeedKubernetes, unusableInventory } from './errors';
import { OnPremFileStore } from './file-store';
import { gapsOf } from './gaps';
import { OnPremGpuNodePool } from './gpu-node-pool';
import { OnPremMonitoring } from './monitoring';
import { OnPremNetwork } from './network';
import { OnPremNodePool } from './node-pool';
import { shapeOf } from './node-shapes';
import { OnPremObjectStore } from './object-store';
import type { OnPremCloudProps } from './onprem-cloud-props';
import { OnPremGpuStack } from './onprem-gpu-stack';
import { OnPremParallelFileStore } from './parallel-file-store';
import { OnPremDatabase } from './relational-database';
import { OnPremSecret } from './secret';
import { OnPremSecrets } from './secret-backend';
import { OnPremSecretStore } from './secret-store';
import { onPremVirtualMachine } from './virtual-machine';
import { OnPremWorkloadIdentity } from './workload-identity';

/**
 * An existing Kubernetes cluster and what stands around it. Nothing is provisioned outside the cluster: what exists is
 * adopted, and what a cloud would sell runs in the cluster.
 *
 * @example
 * new OnPremCloud({
 *   network: { cidr: '10.20.0.0/16' },
 *   nodes: [
 *     { shape: { vcpus: 32, memoryGiB: 128 }, count: 6 },
 *     { pool: 'trainers', shape: ONPREM_GPU_SERVERS.dgxH100, count: 4 },
 *   ],
 *   objectStore: OnPremObjectStorage.s3({
 *     endpoint: 'https://s3.example.com',
 *     bucket: 'lnmt',
 *     credentialsSecret: ['ml', 's3'],
 *   }),
 *   fileStore: OnPremFileStorage.nfs({ server: 'nfs.example.com', share: '/export/lnmt' }),
 * });
 */
export class OnPremCloud implements ICloud {
  readonly name = ONPREM;
  readonly gaps: CapabilityGaps;
  readonly nodeShapes: readonly NodeShape[];
  readonly compute: IComputeProvider;
  readonly storage: IStorageProvider;
  readonly data: IDataProvider;
  readonly security: ISecurityProvider;
  readonly operations: IOperationsProvider;

  /** @throws LNMT2301 for an unusable inventory, LNMT2304 for bucket claims whose credentials cannot be read */
  constructor(props: OnPremCloudProps) {
    const site = siteOf(props);
    this.gaps = site.gaps;
    this.nodeShapes = site.nodeShapes;
    this.compute = computeOf(site);
    this.storage = storageOf(site);
    this.data = dataOf(site);
    this.security = securityOf(site);
    this.operations = operationsOf(site);
  }

  /** Adds nothing: no resource of this target needs a provider, and delivery brings its own. */
  bind(_stack: TerraformStack, _tags: Readonly<Record<string, string>>): void {}
}

function siteOf(props: OnPremCloudProps): OnPremSite {
  const { objectStore, secrets = OnPremSecrets.kubernetes() } = props;
  if (props.nodes.length === 0) throw unusableInventory('nodes', 'no row');
  if (objectStore.settings.claimStorageClass !== undefined && secrets.namespace === undefined) {
    throw bucketClaimsNeedKubernetes(secrets.kind);
  }
  const { blockStorageClass, parallelStorageClass, registry, certificates, clientNamespaces } = props;
  return {
    clusterName: props.clusterName ?? ONPREM,
    kubeconfig: props.kubeconfig ?? {},
    cidr: props.network.cidr,
    gaps: gapsOf(props),
    inventory: props.nodes,
    nodeShapes: props.nodes.map(shapeOf),
    gpuStack: props.gpuStack ?? OnPremGpuStack.operator(),
    objectStorage: objectStore,
    fileStorage: props.fileStore,
    secrets,
    resourceMetrics: props.resourceMetrics ?? 'install',
    egress: props.egress ?? [],
    ...(blockStorageClass === undefined ? {} : { blockStorageClass }),
    ...(parallelStorageClass === undefined ? {} : { parallelStorageClass }),
    ...(registry === undefined ? {} : { registry }),
    ...(certificates === undefined ? {} : { certificates }),
    ...(clientNamespaces === undefined ? {} : { clientNamespaces }),
  };
}

function on<TProps, TBlock>(
  site: OnPremSite,
  make: (scope: Construct, id: string, props: TProps & OnPremContext) => TBlock,
): (scope: Construct, id: string, props: TProps) => TBlock {
  return (scope, id, props) => make(scope, id, { ...props, site });
}

function computeOf(site: OnPremSite): IComputeProvider {
  return {
    network: on(site, (scope, id, props) => new OnPremNetwork(scope, id, props)),
    cluster: on(site, (scope, id, props) => new OnPremCluster(scope, id, props)),
    nodePool: on(site, (scope, id, props) => new OnPremNodePool(scope, id, props)),
    gpuNodePool: on(site, (scope, id, props) => new OnPremGpuNodePool(scope, id, props)),
    virtualMachine: on(site, onPremVirtualMachine),
  };
}

function storageOf(site: OnPremSite): IStorageProvider {
  return {
    objectStore: on(site, (scope, id, props) => OnPremObjectStore.create(scope, id, props)),
    fileStore: on(site, (scope, id, props) => new OnPremFileStore(scope, id, props)),
    parallelFileStore: on(site, (scope, id, props) => new OnPremParallelFileStore(scope, id, props)),
  };
}

function dataOf(site: OnPremSite): IDataProvider {
  return {
    relationalDatabase: on(site, (scope, id, props) => new OnPremDatabase(scope, id, props)),
    documentStore: on(site, (scope, id, props) => new OnPremDocumentStore(scope, id, props)),
    cache: on(site, (scope, id, props) => new OnPremCache(scope, id, props)),
  };
}

function securityOf(site: OnPremSite): ISecurityProvider {
  return {
    workloadIdentity: on(site, (scope, id, props) => new OnPremWorkloadIdentity(scope, id, props)),
    encryptionKey: on(site, onPremEncryptionKey),
    secret: on(site, (scope, id, props) => new OnPremSecret(scope, id, props)),
    secretStore: on(site, (scope, id, props) => new OnPremSecretStore(scope, id, props)),
    containerRegistry: on(site, (scope, id, props) => new OnPremContainerRegistry(scope, id, props)),
    egress: site.egress,
  };
}

function operationsOf(site: OnPremSite): IOperationsProvider {
  return {
    monitoring: on(site, (scope, id, props) => new OnPremMonitoring(scope, id, props)),
    backup: on(site, (scope, id, props) => new OnPremBackup(scope, id, props)),
    dnsZone: on(site, (scope, id, props) => new OnPremDnsZone(scope, id, props)),
  };
}
