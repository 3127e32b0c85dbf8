import type { Block } from './cloud/building-block';
import type {
  BackupOptions,
  CacheOptions,
  ClusterAccess,
  ClusterOptions,
  DocumentStoreOptions,
  EncryptionKeyOptions,
  FileStoreOptions,
  IBackup,
  ICache,
  ICloud,
  ICluster,
  IContainerRegistry,
  IDnsZone,
  IDocumentStore,
  IEncryptionKey,
  IFileStore,
  IMonitoring,
  INetwork,
  INodePool,
  IObjectStore,
  IRelationalDatabase,
  ISecretStore,
  IVirtualMachine,
  MonitoringOptions,
  NetworkOptions,
  ObjectStoreOptions,
  RelationalDatabaseOptions,
  SecretStoreOptions,
} from './cloud';
import type { Capacity } from './capacity';
import type { Delivery } from './delivery';
import type { Images } from './images';
import type { PriceTable } from './select-shape';
import type { RemovalPolicy } from './stateful';

/** What a platform is for. Sizes and copies of the defaults follow from it. */
export type Environment = 'production' | 'staging' | 'development';

/** The pool that everything without an accelerator runs on. */
export interface GeneralNodesOptions {
  /** vCPUs of one node, at least. @default 4 */
  readonly vcpus?: number;
  /** Memory of one node in GiB, at least. @default 16 */
  readonly memoryGiB?: number;
  /** @default 0 */
  readonly minNodes?: number;
  /** @default 20 */
  readonly maxNodes?: number;
  /** Rungs in the order in which they are tried. @default [Capacity.onDemand()] */
  readonly capacity?: readonly Capacity[];
  /** Prices by shape name. @default - none: the smallest shape is chosen */
  readonly prices?: PriceTable;
}

/** A domain for the platform. */
export interface DnsOptions {
  /** Domain that the zone answers for, e.g. `ml.example.com`. */
  readonly domainName: string;
}

/** Props of {@link LnmtPlatform}. Every block can be created with options, adopted, or switched off. */
export interface LnmtPlatformProps {
  /** Where the platform lives. */
  readonly cloud: ICloud;
  /** From where the Kubernetes API can be reached. */
  readonly access: ClusterAccess;
  /** Name of the platform: in physical names, labels and tags. @default - the construct's id */
  readonly name?: string;
  /** @default 'production' */
  readonly environment?: Environment;
  /** Kubernetes minor, '1.34' to '1.37'. @default '1.36' */
  readonly kubernetesVersion?: string;
  /** How manifests reach the cluster. @default Delivery.direct() */
  readonly delivery?: Delivery;
  /** Images of the bundled servers. @default - each endpoint brings its own */
  readonly images?: Images;
  /** Tags or labels of every resource that takes some. @default {} */
  readonly tags?: Readonly<Record<string, string>>;
  /** What happens to data when it leaves the program; `destroy` is for tearing down. @default 'retain' */
  readonly onRemoval?: RemovalPolicy;
  /** @default Block.create({}) */
  readonly network?: Block<NetworkOptions, INetwork>;
  /** @default Block.create({}) */
  readonly cluster?: Block<ClusterOptions, ICluster>;
  /** Nodes for everything without an accelerator. @default Block.create({}) */
  readonly nodes?: Block<GeneralNodesOptions, INodePool>;
  /** Key of the customer for everything encrypted. @default - created where the target has keys */
  readonly encryptionKey?: Block<EncryptionKeyOptions, IEncryptionKey>;
  /** Models and what belongs to them. @default Block.create({}) */
  readonly modelStore?: Block<ObjectStoreOptions, IObjectStore>;
  /** ReadWriteMany files. @default Block.create({}) */
  readonly fileStore?: Block<FileStoreOptions, IFileStore>;
  /** PostgreSQL for registry and tracking. @default Block.create({}) */
  readonly database?: Block<RelationalDatabaseOptions, IRelationalDatabase>;
  /** @default - created where the target has one */
  readonly documentStore?: Block<DocumentStoreOptions, IDocumentStore>;
  /** @default Block.create({}) */
  readonly cache?: Block<CacheOptions, ICache>;
  /** Registry for the bundled images. @default - created where the target has one */
  readonly registry?: Block<Record<string, never>, IContainerRegistry>;
  /** @default Block.create({}) */
  readonly secretStore?: Block<SecretStoreOptions, ISecretStore>;
  /** @default Block.create({}) */
  readonly monitoring?: Block<MonitoringOptions, IMonitoring>;
  /** @default - created where the target can back up */
  readonly backup?: Block<BackupOptions, IBackup>;
  /** @default Block.off() */
  readonly dns?: Block<DnsOptions, IDnsZone>;
  /** A machine in the network for people, without an open port. @default Block.off() */
  readonly bastion?: Block<Record<string, never>, IVirtualMachine>;
}
