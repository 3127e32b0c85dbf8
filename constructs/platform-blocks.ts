import type { Construct } from 'constructs';
import { IMAGES } from '../runtime/contract';
import type { ImageName } from '../runtime/contract';
import { wholeNumber } from './checks';
import type {
  Capability,
  ClusterProps,
  IBackup,
  IBuildingBlock,
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
  StatefulProps,
} from './cloud';
import { expectCloud } from './cloud';
import type { Block } from './cloud/building-block';
import { blockSwitchedOff } from './errors';
import type { Environment, LnmtPlatformProps } from './lnmt-platform-props';
import type { RemovalPolicy } from './stateful';
import { kubernetesVersion } from './versions';

/** The building blocks of a platform; undefined where one is switched off or not offered. */
export interface PlatformBlocks {
  readonly network: INetwork;
  readonly cluster: ICluster;
  readonly nodes: INodePool | undefined;
  readonly encryptionKey: IEncryptionKey | undefined;
  readonly modelStore: IObjectStore | undefined;
  readonly fileStore: IFileStore | undefined;
  readonly database: IRelationalDatabase | undefined;
  readonly documentStore: IDocumentStore | undefined;
  readonly cache: ICache | undefined;
  readonly registry: IContainerRegistry | undefined;
  readonly secretStore: ISecretStore | undefined;
  readonly monitoring: IMonitoring | undefined;
  readonly backup: IBackup | undefined;
  readonly dns: IDnsZone | undefined;
  readonly bastion: IVirtualMachine | undefined;
}

/** What blocks are made from. */
export interface BlockContext {
  readonly scope: Construct;
  readonly cloud: ICloud;
  readonly platformName: string;
  readonly environment: Environment;
  readonly onRemoval: RemovalPolicy;
}

/** Name of the pool that everything without an accelerator runs on. */
export const GENERAL_POOL = 'general';

/** Creates, adopts or leaves out the blocks of one platform. Ids are the same on every target: they are public contract. */
export class BlockMaker {
  /** Blocks in the order in which they were made. */
  readonly made: IBuildingBlock[] = [];
  /** Gaps of the target that were left out because nobody asked for them. */
  readonly skipped: Capability[] = [];

  constructor(private readonly context: BlockContext) {}

  /** Makes all blocks of a platform. */
  makeAll(props: LnmtPlatformProps): PlatformBlocks {
    const encryptionKey = this.key(props);
    const keyed = encryptionKey === undefined ? {} : { encryptionKey };
    const network = this.network(props);
    const cluster = this.cluster(props, network, keyed);
    const inCluster = { network, cluster, ...keyed };
    const modelStore = this.objectStore(props, keyed);
    const stores = {
      modelStore,
      fileStore: this.fileStore(props, inCluster),
      database: this.database(props, inCluster),
      documentStore: this.documentStore(props, inCluster),
    };
    const targets = [modelStore, ...Object.values(stores)].filter((block) => block !== undefined);
    return {
      encryptionKey,
      network,
      cluster,
      nodes: this.nodes(props, cluster),
      secretStore: this.secretStore(props, inCluster),
      ...stores,
      cache: this.cache(props, inCluster),
      registry: this.registry(props, keyed),
      monitoring: this.monitoring(props, inCluster),
      backup: this.backup(props, { ...inCluster, targets: [...new Set(targets)], store: modelStore }),
      dns: this.dns(props),
      bastion: this.bastion(props, inCluster),
    };
  }

  private key(props: LnmtPlatformProps): IEncryptionKey | undefined {
    const { cloud, scope, platformName } = this.context;
    return this.make(
      'encryptionKey',
      props.encryptionKey,
      (options) =>
        cloud.security.encryptionKey(scope, 'key', {
          ...options,
          ...this.stateful('platform'),
          description: `Everything that platform ${platformName} encrypts`,
        }),
      'encryption-key',
    );
  }

  private network(props: LnmtPlatformProps): INetwork {
    const { cloud, scope, platformName } = this.context;
    const network = this.make('network', props.network, (options) =>
      cloud.compute.network(scope, 'network', {
        natGateways: this.production ? 'per-zone' : 'single',
        ...options,
        naming: [platformName],
      }),
    );
    if (network === undefined) throw blockSwitchedOff(scope, 'network', 'a platform');
    return network;
  }

  private cluster(props: LnmtPlatformProps, network: INetwork, keyed: Pick<ClusterProps, 'encryptionKey'>): ICluster {
    const { cloud, scope } = this.context;
    const cluster = this.make('cluster', props.cluster, (options) =>
      cloud.compute.cluster(scope, 'cluster', {
        ...options,
        ...keyed,
        ...this.stateful(),
        network,
        access: props.access,
        version: kubernetesVersion(props.kubernetesVersion, scope),
      }),
    );
    if (cluster === undefined) throw blockSwitchedOff(scope, 'cluster', 'a platform');
    return cluster;
  }

  private nodes(props: LnmtPlatformProps, cluster: ICluster): INodePool | undefined {
    const { cloud, scope } = this.context;
    return this.make('nodes', props.nodes, (options) =>
      cloud.compute.nodePool(scope, 'nodes', {
        ...options,
        cluster,
        name: GENERAL_POOL,
        maxNodes: wholeNumber(scope, 'nodes.maxNodes', options.maxNodes ?? 20, { min: 1, max: 5000 }),
      }),
    );
  }

  private objectStore(props: LnmtPlatformProps, keyed: Keyed): IObjectStore | undefined {
    const { cloud, scope } = this.context;
    return this.make('modelStore', props.modelStore, (options) =>
      cloud.storage.objectStore(scope, 'models', { ...options, ...keyed, ...this.stateful('models') }),
    );
  }

  private fileStore(props: LnmtPlatformProps, inCluster: InCluster): IFileStore | undefined {
    const { cloud, scope } = this.context;
    return this.make('fileStore', props.fileStore, (options) =>
      cloud.storage.fileStore(scope, 'files', { ...options, ...inCluster, ...this.stateful('files') }),
    );
  }

  private database(props: LnmtPlatformProps, inCluster: InCluster): IRelationalDatabase | undefined {
    const { cloud, scope } = this.context;
    return this.make('database', props.database, (options) =>
      cloud.data.relationalDatabase(scope, 'database', {
        highlyAvailable: this.production,
        ...options,
        ...inCluster,
        ...this.stateful('database'),
      }),
    );
  }

  private documentStore(props: LnmtPlatformProps, inCluster: InCluster): IDocumentStore | undefined {
    const { cloud, scope } = this.context;
    return this.make(
      'documentStore',
      props.documentStore,
      (options) =>
        cloud.data.documentStore(scope, 'documents', { ...options, ...inCluster, ...this.stateful('documents') }),
      'document-store',
    );
  }

  private cache(props: LnmtPlatformProps, inCluster: InCluster): ICache | undefined {
    const { cloud, scope } = this.context;
    return this.make('cache', props.cache, (options) =>
      cloud.data.cache(scope, 'cache', {
        replicas: this.production ? 1 : 0,
        ...options,
        ...inCluster,
        ...this.stateful('cache'),
      }),
    );
  }

  private registry(props: LnmtPlatformProps, keyed: Keyed): IContainerRegistry | undefined {
    const { cloud, scope } = this.context;
    const repositories = (Object.keys(IMAGES) as ImageName[]).flatMap((name) =>
      IMAGES[name].flavours.map((flavour) => (flavour === 'cpu' ? name : `${name}-${flavour}`)),
    );
    return this.make(
      'registry',
      props.registry,
      () => cloud.security.containerRegistry(scope, 'registry', { repositories, ...keyed, ...this.stateful() }),
      'container-registry',
    );
  }

  private secretStore(props: LnmtPlatformProps, inCluster: InCluster): ISecretStore | undefined {
    const { cloud, scope, platformName } = this.context;
    return this.make('secretStore', props.secretStore, (options) =>
      cloud.security.secretStore(scope, 'secrets', {
        ...{ ...options, ...inCluster, platform: platformName },
        naming: [platformName],
      }),
    );
  }

  private monitoring(props: LnmtPlatformProps, inCluster: InCluster): IMonitoring | undefined {
    const { cloud, scope, platformName } = this.context;
    return this.make('monitoring', props.monitoring, (options) =>
      cloud.operations.monitoring(scope, 'monitoring', { ...options, ...inCluster, naming: [platformName] }),
    );
  }

  private backup(
    props: LnmtPlatformProps,
    input: InCluster & { readonly targets: readonly IBuildingBlock[]; readonly store: IObjectStore | undefined },
  ): IBackup | undefined {
    const { cloud, scope } = this.context;
    return this.make(
      'backup',
      props.backup,
      (options) => cloud.operations.backup(scope, 'backup', { ...options, ...input, ...this.stateful('backup') }),
      'backup',
    );
  }

  private dns(props: LnmtPlatformProps): IDnsZone | undefined {
    const { cloud, scope } = this.context;
    if (props.dns === undefined) return undefined;
    return this.make('dns', props.dns, (options) =>
      cloud.operations.dnsZone(scope, 'dns', { ...this.stateful('dns'), domainName: options.domainName ?? '' }),
    );
  }

  private bastion(props: LnmtPlatformProps, inCluster: InCluster): IVirtualMachine | undefined {
    const { cloud, scope, platformName } = this.context;
    if (props.bastion === undefined) return undefined;
    return this.make('bastion', props.bastion, () =>
      cloud.compute.virtualMachine(scope, 'bastion', {
        ...inCluster,
        naming: [platformName, 'bastion'],
        purpose: 'bastion',
      }),
    );
  }

  /** A gap of the target is an error only where the block was asked for. */
  private make<TOptions, TBlock extends IBuildingBlock>(
    property: string,
    block: Block<TOptions, TBlock> | undefined,
    create: (options: Partial<TOptions>) => TBlock,
    capability?: Capability,
  ): TBlock | undefined {
    const { scope, cloud } = this.context;
    if (block?.kind === 'off') return undefined;
    if (block?.block !== undefined) return this.keep(expectCloud(scope, property, block.block, cloud.name));
    if (block === undefined && capability !== undefined && cloud.gaps[capability] !== undefined) {
      this.skipped.push(capability);
      return undefined;
    }
    return this.keep(create(block?.options ?? {}));
  }

  private keep<TBlock extends IBuildingBlock>(block: TBlock): TBlock {
    this.made.push(block);
    return block;
  }

  private stateful(...role: readonly string[]): StatefulProps {
    const { platformName, onRemoval } = this.context;
    return { naming: [platformName, ...role], onRemoval };
  }

  private get production(): boolean {
    return this.context.environment === 'production';
  }
}

type Keyed = Pick<ClusterProps, 'encryptionKey'>;
type InCluster = Keyed & { readonly network: INetwork; readonly cluster: ICluster };
