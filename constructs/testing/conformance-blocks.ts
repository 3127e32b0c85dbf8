import type { Construct } from 'constructs';
import type { Accelerator } from '../accelerators';
import type { IBackup } from '../cloud/backup';
import type { IBuildingBlock } from '../cloud/building-block';
import type { ICache } from '../cloud/cache';
import type { Capability, ICloud } from '../cloud/cloud';
import { ClusterAccess } from '../cloud/cluster';
import type { ICluster } from '../cloud/cluster';
import type { IContainerRegistry } from '../cloud/container-registry';
import type { IDnsZone } from '../cloud/dns-zone';
import type { IDocumentStore } from '../cloud/document-store';
import type { IEncryptionKey } from '../cloud/encryption-key';
import type { IFileStore } from '../cloud/file-store';
import type { IMonitoring } from '../cloud/monitoring';
import type { INetwork } from '../cloud/network';
import type { INodePool } from '../cloud/node-pool';
import type { IObjectStore } from '../cloud/object-store';
import type { IParallelFileStore } from '../cloud/parallel-file-store';
import type { IRelationalDatabase } from '../cloud/relational-database';
import type { ISecret, ISecretStore } from '../cloud/secret';
import type { IVirtualMachine } from '../cloud/virtual-machine';
import type { IWorkloadIdentity } from '../cloud/workload-identity';
import type { RemovalPolicy } from '../stateful';
import { DEFAULT_KUBERNETES_VERSION } from '../versions';

/** One of each building block. Absent: a declared gap. The member names are the construct ids. */
export interface Blocks {
  readonly key?: IEncryptionKey;
  readonly network: INetwork;
  readonly cluster: ICluster;
  readonly nodes: INodePool;
  readonly gpus: INodePool;
  readonly machine?: IVirtualMachine;
  readonly objects: IObjectStore;
  readonly files: IFileStore;
  readonly scratch?: IParallelFileStore;
  readonly database: IRelationalDatabase;
  readonly documents?: IDocumentStore;
  readonly cache: ICache;
  readonly identity: IWorkloadIdentity;
  readonly secret: ISecret;
  readonly secrets: ISecretStore;
  readonly registry?: IContainerRegistry;
  readonly monitoring: IMonitoring;
  readonly backup?: IBackup;
  readonly zone?: IDnsZone;
}

/** Options of {@link buildBlocks}. */
export interface BlockOptions {
  /** First parts of all names. @default ['ml'] */
  readonly naming?: readonly string[];
  /** @default 'retain' */
  readonly onRemoval?: RemovalPolicy;
  /** What a node with accelerators has to have. @default - one vCPU and one GiB */
  readonly gpuNode?: { readonly vcpus: number; readonly memoryGiB: number };
}

/** Capabilities whose blocks are left out where a target declares a gap, by construct id. */
export const OPTIONAL_BLOCKS = {
  key: 'encryption-key',
  machine: 'virtual-machine',
  scratch: 'parallel-file-store',
  documents: 'document-store',
  registry: 'container-registry',
  backup: 'backup',
  zone: 'dns-zone',
} as const satisfies Partial<Record<keyof Blocks, Capability>>;

/** Blocks that hold what nobody can make again: their resources have to be guarded. */
export const PRECIOUS_BLOCKS = [
  'key',
  'objects',
  'files',
  'database',
  'documents',
  'secret',
  'registry',
  'zone',
] as const;

/** All blocks that were built, with their ids. */
export function blocksOf(blocks: Blocks): readonly (readonly [id: string, block: IBuildingBlock])[] {
  const entries = Object.entries(blocks) as [string, IBuildingBlock | undefined][];
  return entries.flatMap(([id, block]) => (block === undefined ? [] : [[id, block] as const]));
}

/** The accelerator that the pool of the checks asks for: the first that the target lists. */
export function firstAccelerator(cloud: ICloud): Accelerator {
  const found = cloud.nodeShapes.find((shape) => shape.accelerator !== undefined)?.accelerator;
  if (found === undefined) throw new Error(`${cloud.name} lists no node shape with an accelerator`);
  return found;
}

/** Asks a cloud for one of each, in an order that a platform would use. */
export function buildBlocks(cloud: ICloud, scope: Construct, options: BlockOptions = {}): Blocks {
  const base = buildBase(cloud, scope, options);
  return { ...base, ...buildServices(cloud, scope, { ...options, base }) };
}

type Base = Pick<Blocks, 'key' | 'network' | 'cluster' | 'nodes' | 'gpus' | 'machine' | 'objects'>;

function buildBase(cloud: ICloud, scope: Construct, options: BlockOptions): Base {
  const of = namer(options);
  const { compute, security, storage } = cloud;
  const key = unlessGap(cloud, 'key', () =>
    security.encryptionKey(scope, 'key', { ...of('key'), description: 'conformance' }),
  );
  const encryptionKey = key;
  const network = compute.network(scope, 'network', of('network'));
  const access = ClusterAccess.insideNetwork();
  const version = DEFAULT_KUBERNETES_VERSION;
  const cluster = compute.cluster(scope, 'cluster', { ...of('cluster'), network, version, access, encryptionKey });
  const pool = { cluster, maxNodes: 1, vcpus: 1, memoryGiB: 1 };
  return {
    key,
    network,
    cluster,
    nodes: compute.nodePool(scope, 'nodes', { ...pool, name: 'general' }),
    gpus: compute.gpuNodePool(scope, 'gpus', {
      ...{ ...pool, ...options.gpuNode, name: 'gpus', accelerator: firstAccelerator(cloud) },
    }),
    machine: unlessGap(cloud, 'machine', () =>
      compute.virtualMachine(scope, 'machine', { ...of('machine'), network, purpose: 'bastion', encryptionKey }),
    ),
    objects: storage.objectStore(scope, 'objects', { ...of('objects'), encryptionKey }),
  };
}

type Services = Omit<Blocks, keyof Base>;
type BasedOptions = BlockOptions & { readonly base: Base };

function buildServices(cloud: ICloud, scope: Construct, options: BasedOptions): Services {
  const stores = buildStores(cloud, scope, options);
  return {
    ...stores,
    ...buildSecurity(cloud, scope, options),
    ...buildOperations(cloud, scope, { ...options, stores }),
  };
}

type Stores = Pick<Blocks, 'files' | 'scratch' | 'database' | 'documents' | 'cache'>;

function buildStores({ data, gaps, storage }: ICloud, scope: Construct, options: BasedOptions): Stores {
  const of = namer(options);
  const { cluster, network, objects, key: encryptionKey } = options.base;
  const placed = { cluster, network, encryptionKey };
  return {
    files: storage.fileStore(scope, 'files', { ...of('files'), ...placed }),
    scratch: unlessGap({ gaps }, 'scratch', () =>
      storage.parallelFileStore(scope, 'scratch', { ...of('scratch'), ...placed, linkedStore: objects }),
    ),
    database: data.relationalDatabase(scope, 'database', { ...of('database'), ...placed }),
    documents: unlessGap({ gaps }, 'documents', () =>
      data.documentStore(scope, 'documents', { ...of('documents'), cluster, encryptionKey }),
    ),
    cache: data.cache(scope, 'cache', { ...of('cache'), ...placed }),
  };
}

type Security = Pick<Blocks, 'identity' | 'secret' | 'secrets' | 'registry'>;

function buildSecurity({ gaps, security }: ICloud, scope: Construct, options: BasedOptions): Security {
  const of = namer(options);
  const { cluster, key: encryptionKey } = options.base;
  const { naming } = of('identity');
  const account = { namespace: 'models', serviceAccountName: 'digits' };
  return {
    identity: security.workloadIdentity(scope, 'identity', { cluster, naming, ...account }),
    secret: security.secret(scope, 'secret', { ...of('secret'), description: 'conformance', encryptionKey }),
    secrets: security.secretStore(scope, 'secrets', {
      ...{ platform: 'conformance', naming: naming.slice(0, -1) },
      ...{ cluster, encryptionKey },
    }),
    registry: unlessGap({ gaps }, 'registry', () =>
      security.containerRegistry(scope, 'registry', { ...of('registry'), repositories: ['inference'], encryptionKey }),
    ),
  };
}

type Operations = Pick<Blocks, 'monitoring' | 'backup' | 'zone'>;

function buildOperations(
  { gaps, operations }: ICloud,
  scope: Construct,
  options: BasedOptions & { readonly stores: Stores },
): Operations {
  const of = namer(options);
  const { cluster, objects: store, key: encryptionKey } = options.base;
  const targets = [options.stores.files, options.stores.database];
  return {
    monitoring: operations.monitoring(scope, 'monitoring', { ...of('monitoring'), cluster, encryptionKey }),
    backup: unlessGap({ gaps }, 'backup', () =>
      operations.backup(scope, 'backup', { ...of('backup'), cluster, targets, store, encryptionKey }),
    ),
    zone: unlessGap({ gaps }, 'zone', () =>
      operations.dnsZone(scope, 'zone', { ...of('zone'), domainName: 'ml.example.com' }),
    ),
  };
}

function namer(options: BlockOptions): (role: string) => { naming: readonly string[]; onRemoval: RemovalPolicy } {
  const { naming = ['ml'], onRemoval = 'retain' } = options;
  return (role) => ({ naming: [...naming, role], onRemoval });
}

function unlessGap<T>(cloud: Pick<ICloud, 'gaps'>, id: keyof typeof OPTIONAL_BLOCKS, build: () => T): T | undefined {
  return cloud.gaps[OPTIONAL_BLOCKS[id]] === undefined ? build() : undefined;
}
