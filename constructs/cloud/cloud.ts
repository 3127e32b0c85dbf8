import type { TerraformStack } from 'cdktf';
import type { Construct, IConstruct } from 'constructs';
import { capabilityGap } from '../errors';
import type { NodeShape } from '../select-shape';
import type { BackupProps, IBackup } from './backup';
import type { CacheProps, ICache } from './cache';
import type { ClusterProps, ICluster } from './cluster';
import type { ContainerRegistryProps, IContainerRegistry } from './container-registry';
import type { DnsZoneProps, IDnsZone } from './dns-zone';
import type { DocumentStoreProps, IDocumentStore } from './document-store';
import type { EgressRule } from './egress';
import type { EncryptionKeyProps, IEncryptionKey } from './encryption-key';
import type { FileStoreProps, IFileStore } from './file-store';
import type { GpuNodePoolProps } from './gpu-node-pool';
import type { IMonitoring, MonitoringProps } from './monitoring';
import type { INetwork, NetworkProps } from './network';
import type { INodePool, NodePoolProps } from './node-pool';
import type { IObjectStore, ObjectStoreProps } from './object-store';
import type { IParallelFileStore, ParallelFileStoreProps } from './parallel-file-store';
import type { IRelationalDatabase, RelationalDatabaseProps } from './relational-database';
import type { ISecret, ISecretStore, SecretProps, SecretStoreProps } from './secret';
import type { IVirtualMachine, VirtualMachineProps } from './virtual-machine';
import type { IWorkloadIdentity, WorkloadIdentityProps } from './workload-identity';

/** Names of the targets; users may add their own. */
export type CloudName = 'aws' | 'google' | 'azure' | 'onprem' | (string & {});

/** What some target cannot offer. */
export type Capability =
  | 'network'
  | 'virtual-machine'
  | 'node-provisioning'
  | 'spot-capacity'
  | 'reserved-capacity'
  | 'parallel-file-store'
  | 'document-store'
  | 'encryption-key'
  | 'container-registry'
  | 'dns-zone'
  | 'backup';

/** Why a target cannot offer something, and what to do instead. */
export interface CapabilityGap {
  readonly reason: string;
  /** The nearest alternative, as an instruction. */
  readonly alternative: string;
}

/** Declared gaps of a target. */
export type CapabilityGaps = Readonly<Partial<Record<Capability, CapabilityGap>>>;

/** Networks, clusters, nodes and machines. */
export interface IComputeProvider {
  /** A private network, or the one that is there. */
  network(scope: Construct, id: string, props: NetworkProps): INetwork;
  /** A Kubernetes cluster, or the one that is there. */
  cluster(scope: Construct, id: string, props: ClusterProps): ICluster;
  /** Nodes without accelerators. */
  nodePool(scope: Construct, id: string, props: NodePoolProps): INodePool;
  /** Nodes with accelerators. */
  gpuNodePool(scope: Construct, id: string, props: GpuNodePoolProps): INodePool;
  /** A machine in the network: a bastion, a gateway. */
  virtualMachine(scope: Construct, id: string, props: VirtualMachineProps): IVirtualMachine;
}

/** Objects and files. */
export interface IStorageProvider {
  /** A versioned, encrypted, private bucket or a folder of one. */
  objectStore(scope: Construct, id: string, props: ObjectStoreProps): IObjectStore;
  /** Files that many pods mount at once. */
  fileStore(scope: Construct, id: string, props: FileStoreProps): IFileStore;
  /** Fast scratch for training. */
  parallelFileStore(scope: Construct, id: string, props: ParallelFileStoreProps): IParallelFileStore;
}

/** Databases and caches. */
export interface IDataProvider {
  /** A PostgreSQL database. */
  relationalDatabase(scope: Construct, id: string, props: RelationalDatabaseProps): IRelationalDatabase;
  /** A document or key-value store; its `api` says which client speaks to it. */
  documentStore(scope: Construct, id: string, props: DocumentStoreProps): IDocumentStore;
  /** A Valkey cache. */
  cache(scope: Construct, id: string, props: CacheProps): ICache;
}

/** Identities, keys, secrets and images. */
export interface ISecurityProvider {
  /** What the pods of one service account may do in the cloud. */
  workloadIdentity(scope: Construct, id: string, props: WorkloadIdentityProps): IWorkloadIdentity;
  /** A key that is rotated. */
  encryptionKey(scope: Construct, id: string, props: EncryptionKeyProps): IEncryptionKey;
  /** A secret whose value is never in a state. */
  secret(scope: Construct, id: string, props: SecretProps): ISecret;
  /** Where workloads read secrets from. */
  secretStore(scope: Construct, id: string, props: SecretStoreProps): ISecretStore;
  /** Where images are kept and scanned. */
  containerRegistry(scope: Construct, id: string, props: ContainerRegistryProps): IContainerRegistry;
  /** Destinations that every pod with a workload identity needs: credential and token endpoints, the cloud's APIs. */
  readonly egress: readonly EgressRule[];
}

/** Monitoring, backups and names. */
export interface IOperationsProvider {
  /** Metrics, logs and alarms. */
  monitoring(scope: Construct, id: string, props: MonitoringProps): IMonitoring;
  /** Backups of stateful blocks, kept apart from them. */
  backup(scope: Construct, id: string, props: BackupProps): IBackup;
  /** A zone and a certificate for it. */
  dnsZone(scope: Construct, id: string, props: DnsZoneProps): IDnsZone;
}

/**
 * A target, as an ordinary immutable object. Every method takes `(scope, id, props)` and returns a neutral interface; ids
 * come from the caller, so that the tree is the same on every target. A missing method does not compile; what a target
 * cannot offer is a declared gap, raised when it is asked for.
 */
export interface ICloud {
  readonly name: CloudName;
  /** What it cannot offer, with reasons. */
  readonly gaps: CapabilityGaps;
  /** Node shapes that it offers. */
  readonly nodeShapes: readonly NodeShape[];
  readonly compute: IComputeProvider;
  readonly storage: IStorageProvider;
  readonly data: IDataProvider;
  readonly security: ISecurityProvider;
  readonly operations: IOperationsProvider;
  /** Adds the provider blocks that its resources need, with default tags. Once a stack; repeating it changes nothing. */
  bind(stack: TerraformStack, tags: Readonly<Record<string, string>>): void;
}

/** Raises the declared gap of a target. @throws LNMT1007 always */
export function refuseGap(cloud: Pick<ICloud, 'name' | 'gaps'>, scope: IConstruct, capability: Capability): never {
  const gap = cloud.gaps[capability] ?? {
    reason: 'it declares no way to provide it',
    alternative: 'choose another target, or bring an existing one with a fromXxx factory',
  };
  throw capabilityGap(scope, cloud.name, capability, gap);
}
