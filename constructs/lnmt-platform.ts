import { TerraformStack } from 'cdktf';
import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import { kueue } from './addons/kueue';
import { metricsServer } from './addons/metrics-server';
import { freeId, oneOf } from './checks';
import type {
  Capability,
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
  KubernetesParts,
} from './cloud';
import { Delivery, Synthesis, Workloads } from './delivery';
import { blockSwitchedOff, noWorkloadsStack, twoPlatforms, wrongStack } from './errors';
import type { Images } from './images';
import type { Environment, LnmtPlatformProps } from './lnmt-platform-props';
import { KUBERNETES_NAMES, legalName } from './names';
import { platformNamespaces } from './platform-namespaces';
import type { PlatformNamespaceNames } from './platform-namespaces';
import { BlockMaker } from './platform-blocks';
import type { BlockContext } from './platform-blocks';
import type { RemovalPolicy } from './stateful';

/** Id of the Kubernetes half below its stack. */
const WORKLOADS_ID = 'workloads';
const PLATFORM = Symbol.for('lnmt/platform');
const ENVIRONMENTS = ['production', 'staging', 'development'] as const;

/**
 * A machine-learning platform on one cloud: network, cluster, nodes, stores, databases, identities, secrets, registry,
 * monitoring and backup, private and encrypted by default.
 *
 * It provisions infrastructure in its own stack; its Kubernetes half is written by the stack that is given to
 * {@link workloads}.
 *
 * @example
 * const platform = new LnmtPlatform(infra, 'ml', {
 *   cloud: new AwsCloud({ region: 'eu-west-1' }),
 *   access: ClusterAccess.publicFrom('203.0.113.0/24'),
 * });
 * platform.workloads(workloads);
 */
export class LnmtPlatform extends Construct {
  readonly cloud: ICloud;
  /** Name in physical names, labels and tags. */
  readonly platformName: string;
  readonly environment: Environment;
  readonly delivery: Delivery;
  readonly images: Images | undefined;
  readonly onRemoval: RemovalPolicy;
  /** Tags or labels of every resource. */
  readonly tags: Readonly<Record<string, string>>;
  /** Namespaces of endpoints and training jobs. */
  readonly namespaces: PlatformNamespaceNames;
  /** Gaps of the target that were left out because nobody asked for them. */
  readonly skipped: readonly Capability[];

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

  private readonly stack: TerraformStack;
  private readonly blocks: readonly IBuildingBlock[];
  private main: Workloads | undefined;

  /**
   * @throws LNMT1001 for a name that cannot be used, LNMT1002 for an impossible number of nodes, LNMT1005 for another Kubernetes
   * version, LNMT1007 for a block that the cloud does not offer, LNMT1008 for a block of another cloud, LNMT1012 for a second
   * platform in one stack, LNMT1013 when network or cluster is switched off, LNMT1016 for another environment, LNMT1020 for an
   * id that is taken; what the blocks of the cloud throw
   */
  constructor(scope: Construct, id: string, props: LnmtPlatformProps) {
    super(scope, freeId(scope, id));
    this.cloud = props.cloud;
    this.platformName = legalName({ maxLength: 24 }, [props.name ?? id], this);
    this.environment = oneOf(this, 'environment', props.environment ?? 'production', ENVIRONMENTS);
    this.delivery = props.delivery ?? Delivery.direct();
    this.images = props.images;
    this.onRemoval = props.onRemoval ?? 'retain';
    this.tags = { ...props.tags, ...this.ownTags() };
    this.namespaces = {
      inference: legalName(KUBERNETES_NAMES.label, [this.platformName, 'inference'], this),
      training: legalName(KUBERNETES_NAMES.label, [this.platformName, 'training'], this),
    };
    this.stack = this.claimStack();

    const maker = new BlockMaker({ ...this.context(), scope: this });
    const blocks = maker.makeAll(props);
    this.blocks = maker.made;
    this.skipped = maker.skipped;
    this.encryptionKey = blocks.encryptionKey;
    this.network = blocks.network;
    this.cluster = blocks.cluster;
    this.nodes = blocks.nodes;
    this.secretStore = blocks.secretStore;
    this.modelStore = blocks.modelStore;
    this.fileStore = blocks.fileStore;
    this.database = blocks.database;
    this.documentStore = blocks.documentStore;
    this.cache = blocks.cache;
    this.registry = blocks.registry;
    this.monitoring = blocks.monitoring;
    this.backup = blocks.backup;
    this.dns = blocks.dns;
    this.bastion = blocks.bastion;
  }

  /** The stack that holds the infrastructure. */
  get infrastructure(): TerraformStack {
    return this.stack;
  }

  /**
   * Writes the platform's Kubernetes half (layers 00 to 20) into another stack, which is applied after this one.
   *
   * @throws LNMT1011 for the stack of the infrastructure, LNMT1012 for one that holds the half of another platform
   */
  workloads(stack: TerraformStack): Workloads {
    if (this.main !== undefined && this.main.stack === stack) return this.main;
    const workloads = this.makeWorkloads(stack);
    if (this.main === undefined) {
      this.main = workloads;
      workloads.addLate(() => this.ownParts());
    }
    return workloads;
  }

  /**
   * The Kubernetes half of the stack that a construct lives in: the platform's own one, or one that depends on it.
   *
   * @throws LNMT1011 in the stack of the infrastructure, LNMT1012 in one that holds the half of another platform, LNMT1018 before
   * {@link workloads}
   */
  workloadsFor(scope: IConstruct): Workloads {
    const stack = TerraformStack.of(scope);
    if (stack === this.stack) throw wrongStack(scope, 'a workload', stack.node.id);
    if (this.main === undefined) throw noWorkloadsStack(scope, this.platformName);
    if (this.main.stack === stack) return this.main;
    const existing = stack.node.tryFindChild(WORKLOADS_ID) as Workloads | undefined;
    if (existing !== undefined) return this.ownWorkloads(existing, stack);
    return this.makeWorkloads(stack);
  }

  /** A block that something needs. @throws LNMT1013 when the platform does not have it */
  require<T>(scope: IConstruct, name: string, block: T | undefined, neededBy: string): T {
    if (block === undefined) throw blockSwitchedOff(scope, name, neededBy);
    return block;
  }

  private ownWorkloads(existing: Workloads, stack: TerraformStack): Workloads {
    if (existing.props.platformName === this.platformName && existing.props.connection === this.cluster.connection) {
      return existing;
    }
    throw twoPlatforms(this, stack.node.id, existing.props.platformName);
  }

  private makeWorkloads(stack: TerraformStack): Workloads {
    if (stack === this.stack) throw wrongStack(this, 'the Kubernetes half of a platform', stack.node.id);
    const existing = stack.node.tryFindChild(WORKLOADS_ID) as Workloads | undefined;
    if (existing !== undefined) return this.ownWorkloads(existing, stack);
    stack.addDependency(this.stack);
    if (this.main !== undefined) stack.addDependency(this.main.stack);
    this.cloud.bind(stack, this.tags);
    return new Workloads(stack, WORKLOADS_ID, {
      platformName: this.platformName,
      cloud: this.cloud.name,
      gaps: this.cloud.gaps,
      connection: this.cluster.connection,
      delivery: this.delivery,
      bootstrap: this.main === undefined,
      ...(this.main === undefined ? {} : { operators: this.main }),
    });
  }

  private ownParts(): readonly (readonly [IConstruct, KubernetesParts])[] {
    const operators = [kueue(), ...(this.cluster.servesResourceMetrics ? [] : [metricsServer()])];
    return [
      [
        this,
        { addons: operators, objects: platformNamespaces(this.namespaces, this.platformName, this.cluster.version) },
      ],
      ...this.blocks.map((block) => [block, block.kubernetes] as const),
    ];
  }

  private ownTags(): Record<string, string> {
    return { 'lnmt-platform': this.platformName, 'lnmt-environment': this.environment, 'managed-by': 'lnmt' };
  }

  private claimStack(): TerraformStack {
    const stack = TerraformStack.of(this) as TerraformStack & { [PLATFORM]?: string };
    if (stack[PLATFORM] !== undefined) throw twoPlatforms(this, stack.node.id, stack[PLATFORM]);
    stack[PLATFORM] = this.node.path;
    Synthesis.of(this).install(stack);
    this.cloud.bind(stack, this.tags);
    return stack;
  }

  private context(): Omit<BlockContext, 'scope'> {
    const { cloud, platformName, environment, onRemoval } = this;
    return { cloud, platformName, environment, onRemoval };
  }
}
