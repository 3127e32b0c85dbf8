import { ElasticacheReplicationGroup } from '@cdktf/provider-aws/lib/elasticache-replication-group';
import { ElasticacheSubnetGroup } from '@cdktf/provider-aws/lib/elasticache-subnet-group';
import { ElasticacheUser } from '@cdktf/provider-aws/lib/elasticache-user';
import { ElasticacheUserGroup } from '@cdktf/provider-aws/lib/elasticache-user-group';
import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import { wholeNumber } from '../checks';
import type { CacheProps, ICache } from '../cloud/cache';
import type { EgressRule } from '../cloud/egress';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { ISecret } from '../cloud/secret';
import type { IWorkloadIdentity } from '../cloud/workload-identity';
import { legalName } from '../names';
import { stateful } from '../stateful';
import { AWS, brand, expectBrand } from './context';
import type { AwsContext } from './context';
import { keyArnOf } from './encryption-key';
import { grantTo } from './grant';
import { CACHE_CLASSES, selectClass } from './instance-classes';
import { logGroup } from './log-group';
import { AWS_DATA_NAMES } from './names-data';
import { NodesOnly } from './nodes-only';
import { SecretsManagerSecret } from './secret';

const BRAND = Symbol.for('lnmt/aws/cache');
const PORT = 6379;
const LOG_RETENTION_DAYS = 365;
const SNAPSHOT_DAYS = 7;
const LOGS = ['slow-log', 'engine-log'] as const;
/**
 * Valkey takes groups of both engines, and only one of this engine may hold a user without a password.
 *
 * @see https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html
 */
const USER_ENGINE = 'redis';
/** Everything but what administers, inspects or empties the server. */
const APPLICATION_ACCESS = 'on ~* &* +@all -@admin -@dangerous';

/** Grants on a cache that authenticates by IAM. */
export interface ICacheGrants {
  /** Connect as the application user {@link ElasticacheCache.userName}. */
  connect(identity: IWorkloadIdentity): void;
}

/** What `ElasticacheCache.fromReplicationGroup` needs to know. */
export interface ExistingReplicationGroup {
  /** Name of the primary endpoint without port; may be a token. */
  readonly host: string;
  /** @default 6379 */
  readonly port?: number;
  /** Whether clients must use TLS. @default true */
  readonly tls?: boolean;
  /** IPv4 range that the endpoint's addresses lie in. */
  readonly cidr: string;
  /** Password or user credentials. @default - the identity of the client is used */
  readonly credentials?: ISecret;
}

/**
 * A Valkey replication group on ElastiCache, spread over zones: TLS only, encrypted at rest, with one application user who
 * proves its identity by IAM, so that there is no password anywhere; the default user is switched off.
 *
 * @see https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
 */
export class ElasticacheCache extends Construct implements ICache {
  /** Adopts a replication group. */
  static fromReplicationGroup(scope: Construct, id: string, existing: ExistingReplicationGroup): ICache {
    return new ImportedCache(scope, id, existing);
  }

  /** Narrows a neutral cache. @throws LNMT1008 for another cloud's, LNMT2003 for one that is not of this folder */
  static expect(scope: IConstruct, cache: ICache, property = 'cache'): ICache {
    return expectBrand<ICache & Construct>(scope, property, cache, BRAND, 'ElasticacheCache');
  }

  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  readonly host: string;
  readonly port = PORT;
  readonly tls = true;
  readonly egress: readonly EgressRule[];
  /** User that granted identities connect as. */
  readonly userName: string;
  private readonly groupArn: string;
  private readonly userArn: string;

  /** @throws LNMT1002 for `replicas` outside 0 to 5, LNMT2102 when no node has so much memory */
  constructor(scope: Construct, id: string, props: CacheProps & AwsContext) {
    super(scope, id);
    brand(this, BRAND);
    const onRemoval = props.onRemoval ?? 'retain';
    const replicas = wholeNumber(this, 'replicas', props.replicas ?? 1, { min: 0, max: 5 });
    const memoryGiB = wholeNumber(this, 'memoryGiB', props.memoryGiB ?? 1, { min: 1, unit: 'GiB' });
    const name = legalName(AWS_DATA_NAMES.replicationGroup, props.naming, this);
    const guard = new NodesOnly(this, 'SecurityGroup', {
      ...props,
      service: 'Valkey',
      ports: [{ from: PORT, to: PORT }],
    });
    const subnets = new ElasticacheSubnetGroup(this, 'Subnets', {
      name: legalName(AWS_DATA_NAMES.subnetGroup, props.naming, this),
      description: 'Private subnets of the network',
      subnetIds: [...guard.subnetIds],
    });
    const user = this.applicationUser(name);
    const users = new ElasticacheUserGroup(this, 'Users', {
      userGroupId: name,
      engine: USER_ENGINE,
      userIds: [this.switchedOffUser(name).userId, user.userId],
    });
    const keyArn = keyArnOf(this, props.encryptionKey);
    const group = new ElasticacheReplicationGroup(this, 'Resource', {
      replicationGroupId: name,
      description: 'Cache of the platform',
      engine: 'valkey',
      engineVersion: '8.0',
      parameterGroupName: 'default.valkey8',
      nodeType: selectClass(this, 'ElastiCache for Valkey', CACHE_CLASSES, { vcpus: 1, memoryGiB }),
      port: PORT,
      numCacheClusters: replicas + 1,
      automaticFailoverEnabled: replicas > 0,
      multiAzEnabled: replicas > 0,
      atRestEncryptionEnabled: 'true',
      kmsKeyId: keyArn,
      transitEncryptionEnabled: true,
      transitEncryptionMode: 'required',
      userGroupIds: [users.userGroupId],
      subnetGroupName: subnets.name,
      securityGroupIds: [guard.securityGroupId],
      autoMinorVersionUpgrade: 'true',
      snapshotRetentionLimit: SNAPSHOT_DAYS,
      finalSnapshotIdentifier:
        onRemoval === 'retain' ? legalName(AWS_DATA_NAMES.cacheSnapshot, [...props.naming, 'final'], this) : undefined,
      logDeliveryConfiguration: this.logs(name, keyArn),
    });
    stateful(group, props.naming, onRemoval);
    this.host = group.primaryEndpointAddress;
    this.groupArn = group.arn;
    this.userArn = user.arn;
    this.userName = user.userName;
    this.egress = egressTo(props.network.cidr, PORT);
  }

  /** Grants on this cache. Its credentials are the identity of the pod. */
  get grants(): ICacheGrants {
    return {
      connect: (identity) => {
        grantTo(
          this,
          identity,
          ['Connect'],
          [{ sid: 'Connect', actions: ['elasticache:Connect'], resources: [this.groupArn, this.userArn] }],
        );
      },
    };
  }

  // A user who authenticates by IAM must have the same id and name.
  private applicationUser(name: string): ElasticacheUser {
    const userId = legalName(AWS_DATA_NAMES.cacheUser, [name, 'app'], this);
    return new ElasticacheUser(this, 'User', {
      userId,
      userName: userId,
      engine: USER_ENGINE,
      accessString: APPLICATION_ACCESS,
      authenticationMode: { type: 'iam' },
    });
  }

  // Every group has to hold a user named default, and clients that name no user are that one.
  private switchedOffUser(name: string): ElasticacheUser {
    return new ElasticacheUser(this, 'DefaultUser', {
      userId: legalName(AWS_DATA_NAMES.cacheUser, [name, 'default'], this),
      userName: 'default',
      engine: USER_ENGINE,
      accessString: 'off -@all',
      authenticationMode: { type: 'no-password-required' },
    });
  }

  private logs(name: string, keyArn: string | undefined) {
    return LOGS.map((logType) => ({
      logType,
      logFormat: 'json',
      destinationType: 'cloudwatch-logs',
      destination: logGroup(this, `Logs-${logType}`, {
        name: `/aws/elasticache/${name}/${logType}`,
        retentionDays: LOG_RETENTION_DAYS,
        ...(keyArn === undefined ? {} : { kmsKeyArn: keyArn }),
      }).name,
    }));
  }
}

class ImportedCache extends Construct implements ICache {
  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly credentials?: ISecret;
  readonly egress: readonly EgressRule[];

  constructor(scope: Construct, id: string, existing: ExistingReplicationGroup) {
    super(scope, id);
    brand(this, BRAND);
    this.host = existing.host;
    this.port = existing.port ?? PORT;
    this.tls = existing.tls ?? true;
    if (existing.credentials) this.credentials = SecretsManagerSecret.expect(this, existing.credentials, 'credentials');
    this.egress = egressTo(existing.cidr, this.port);
  }
}

function egressTo(cidr: string, port: number): readonly EgressRule[] {
  return [{ description: 'Valkey in the private subnets', cidrs: [cidr], ports: [{ port, protocol: 'TCP' }] }];
}
