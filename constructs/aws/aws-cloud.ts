import { AwsProvider } from '@cdktf/provider-aws/lib/provider';
import { TerraformProvider, Token } from 'cdktf';
import type { TerraformStack } from 'cdktf';
import type { CapabilityGaps, ICloud } from '../cloud/cloud';
import type {
  IComputeProvider,
  IDataProvider,
  IOperationsProvider,
  ISecurityProvider,
  IStorageProvider,
} from '../cloud/cloud';
import type { NodeShape } from '../select-shape';
import { PROVIDER_RANGES } from '../versions';
import { AwsGpuStack } from './aws-gpu-stack';
import { AwsBackup } from './backup';
import { ElasticacheCache } from './cache';
import { EksCluster } from './cluster';
import { EcrRegistry } from './container-registry';
import { AWS } from './context';
import type { AwsContext } from './context';
import { AWS_CPU_SHAPES } from './cpu-shapes';
import { Route53Zone } from './dns-zone';
import { DynamoDocumentStore } from './document-store';
import { AWS_EGRESS } from './egress';
import { KmsKey } from './encryption-key';
import { secondRegion, unusableZones } from './errors';
import { EfsFileStore } from './file-store';
import { EksGpuNodePool } from './gpu-node-pool';
import { AWS_GPU_SHAPES } from './gpu-shapes';
import { CloudWatchMonitoring } from './monitoring';
import { VpcNetwork } from './network';
import { EksNodePool } from './node-pool';
import { S3ObjectStore } from './object-store';
import { LustreFileStore } from './parallel-file-store';
import { checkRegion } from './regions';
import { RdsDatabase } from './relational-database';
import { SecretsManagerSecret } from './secret';
import { SecretsManagerStore } from './secret-store';
import { Ec2Machine } from './virtual-machine';
import { AwsWorkloadIdentity } from './workload-identity';

/** Props of {@link AwsCloud}. */
export interface AwsCloudProps {
  /** Code of the region, e.g. `eu-west-1`. */
  readonly region: string;
  /**
   * Zones that networks use, in this order, e.g. `['eu-west-1a', 'eu-west-1b']`; two at least.
   *
   * @default - the first ones that AWS offers to the account
   */
  readonly zones?: readonly string[];
  /** Owner of driver, toolkit and device plugin of GPU nodes. @default AwsGpuStack.al2023() */
  readonly gpuStack?: AwsGpuStack;
  /** Tags of everything, machines that Karpenter launches included. @default - none but those of the platform */
  readonly tags?: Readonly<Record<string, string>>;
}

const PROVIDER_ID = 'LnmtAwsProvider';

/**
 * Amazon Web Services in one region.
 *
 * @example
 * new AwsCloud({ region: 'eu-west-1', gpuStack: AwsGpuStack.bottlerocket() })
 */
export class AwsCloud implements ICloud {
  readonly name = AWS;
  /** AWS offers every block. */
  readonly gaps: CapabilityGaps = {};
  readonly nodeShapes: readonly NodeShape[] = [...AWS_GPU_SHAPES, ...AWS_CPU_SHAPES];
  readonly region: string;
  readonly compute: IComputeProvider;
  readonly storage: IStorageProvider;
  readonly data: IDataProvider;
  readonly security: ISecurityProvider;
  readonly operations: IOperationsProvider;
  private readonly tags: Readonly<Record<string, string>>;

  /** @throws LNMT1004 for a region that is a token, LNMT2001 for one that is malformed, LNMT2011 for zones elsewhere */
  constructor(props: AwsCloudProps) {
    this.region = checkRegion(undefined, 'region', props.region);
    this.tags = props.tags ?? {};
    const zones = props.zones;
    const inRegion = zones?.every((zone) => new RegExp(`^${this.region}[a-z]$`).test(zone)) ?? true;
    if (zones && (!inRegion || new Set(zones).size !== zones.length || zones.length < 2)) {
      throw unusableZones(zones, this.region);
    }
    const context: AwsContext = { region: this.region, tags: this.tags };
    this.compute = computeOf(context, props.gpuStack ?? AwsGpuStack.al2023(), zones);
    this.storage = storageOf(context);
    this.data = dataOf(context);
    this.security = securityOf(context);
    this.operations = operationsOf(context);
  }

  /**
   * Adds the AWS provider to a stack, once. A provider without alias that the program has put there itself is used as it is.
   *
   * @throws LNMT2002 when the stack is bound to another region
   */
  bind(stack: TerraformStack, tags: Readonly<Record<string, string>>): void {
    const bound = defaultProvider(stack);
    if (bound === undefined) {
      new AwsProvider(stack, PROVIDER_ID, {
        region: this.region,
        defaultTags: [{ tags: { ...tags, ...this.tags } }],
      });
    } else if (bound.region !== undefined && !Token.isUnresolved(bound.region) && bound.region !== this.region) {
      throw secondRegion(stack, this.region, bound.region);
    }
    // cdktf pins the exact version of its bindings; a range lets fixes in.
    stack.addOverride('terraform.required_providers.aws.version', PROVIDER_RANGES.aws);
  }
}

function defaultProvider(stack: TerraformStack): AwsProvider | undefined {
  return stack.node.children.find(
    (child): child is AwsProvider =>
      TerraformProvider.isTerraformProvider(child) &&
      child.terraformResourceType === 'aws' &&
      child.alias === undefined,
  );
}

function computeOf(context: AwsContext, gpuStack: AwsGpuStack, zones?: readonly string[]): IComputeProvider {
  return {
    network: (scope, id, props) => new VpcNetwork(scope, id, { ...props, ...context, availabilityZones: zones }),
    cluster: (scope, id, props) => new EksCluster(scope, id, { ...props, ...context }),
    nodePool: (scope, id, props) => new EksNodePool(scope, id, { ...props, ...context, gpuStack }),
    gpuNodePool: (scope, id, props) => new EksGpuNodePool(scope, id, { ...props, ...context, gpuStack }),
    virtualMachine: (scope, id, props) => new Ec2Machine(scope, id, { ...props, ...context }),
  };
}

function storageOf(context: AwsContext): IStorageProvider {
  return {
    objectStore: (scope, id, props) => new S3ObjectStore(scope, id, { ...props, ...context }),
    fileStore: (scope, id, props) => new EfsFileStore(scope, id, { ...props, ...context }),
    parallelFileStore: (scope, id, props) => new LustreFileStore(scope, id, { ...props, ...context }),
  };
}

function dataOf(context: AwsContext): IDataProvider {
  return {
    relationalDatabase: (scope, id, props) => new RdsDatabase(scope, id, { ...props, ...context }),
    documentStore: (scope, id, props) => new DynamoDocumentStore(scope, id, { ...props, ...context }),
    cache: (scope, id, props) => new ElasticacheCache(scope, id, { ...props, ...context }),
  };
}

function securityOf(context: AwsContext): ISecurityProvider {
  return {
    workloadIdentity: (scope, id, props) => new AwsWorkloadIdentity(scope, id, { ...props, ...context }),
    encryptionKey: (scope, id, props) => new KmsKey(scope, id, { ...props, ...context }),
    secret: (scope, id, props) => new SecretsManagerSecret(scope, id, { ...props, ...context }),
    secretStore: (scope, id, props) => new SecretsManagerStore(scope, id, { ...props, ...context }),
    containerRegistry: (scope, id, props) => new EcrRegistry(scope, id, { ...props, ...context }),
    egress: AWS_EGRESS,
  };
}

function operationsOf(context: AwsContext): IOperationsProvider {
  return {
    monitoring: (scope, id, props) => new CloudWatchMonitoring(scope, id, { ...props, ...context }),
    backup: (scope, id, props) => new AwsBackup(scope, id, { ...props, ...context }),
    dnsZone: (scope, id, props) => new Route53Zone(scope, id, { ...props, ...context }),
  };
}
