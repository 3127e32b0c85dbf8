import { DbInstance } from '@cdktf/provider-aws/lib/db-instance';
import { DbSubnetGroup } from '@cdktf/provider-aws/lib/db-subnet-group';
import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import { literal } from '../checks';
import type { EgressRule } from '../cloud/egress';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { IRelationalDatabase, RelationalDatabaseProps } from '../cloud/relational-database';
import type { ISecret } from '../cloud/secret';
import { legalName } from '../names';
import { stateful } from '../stateful';
import { expectArn } from './arn';
import { AWS, brand, expectBrand } from './context';
import type { AwsContext } from './context';
import { keyArnOf } from './encryption-key';
import { unusableDatabaseName } from './errors-data';
import { shareManagedSecret } from './managed-secrets';
import { AWS_DATA_NAMES } from './names-data';
import { NodesOnly } from './nodes-only';
import { monitoring, sizing } from './relational-database-settings';
import { SecretsManagerSecret } from './secret';

const BRAND = Symbol.for('lnmt/aws/relational-database');
const PORT = 5432;
const ADMINISTRATOR = 'lnmt_admin';

/** A database on RDS, with what other blocks of AWS need to know of it. */
export interface IRdsDatabase extends IRelationalDatabase {
  /** ARN that AWS Backup selects. */
  readonly backupArn: string;
}

/** What `RdsDatabase.fromInstance` needs to know. */
export interface ExistingDatabase {
  /** Name of the endpoint without port; may be a token. */
  readonly host: string;
  /** @default 5432 */
  readonly port?: number;
  readonly databaseName: string;
  /** ARN of the instance or cluster; may be a token. */
  readonly databaseArn: string;
  /** IPv4 range that the endpoint's address lies in. */
  readonly cidr: string;
  /** Administrative credentials. @default - none */
  readonly credentials?: ISecret;
}

/**
 * PostgreSQL on RDS with a standby in another zone: private, TLS only, IAM authentication, a password that RDS makes and
 * rotates in Secrets Manager, logs and insights encrypted with the platform's key, deletion protection and a final snapshot.
 *
 * RDS instances, not Aurora Serverless: `vcpus`, `memoryGiB` and `storageGiB` mean here what they mean on every other
 * target, the engine is unmodified PostgreSQL, so that a dump moves between targets, and the bill does not follow the load.
 *
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_PostgreSQL.html
 */
export class RdsDatabase extends Construct implements IRdsDatabase {
  /** Adopts an instance or an Aurora cluster. @throws LNMT2100 for what is not an ARN of RDS */
  static fromInstance(scope: Construct, id: string, existing: ExistingDatabase): IRdsDatabase {
    return new ImportedDatabase(scope, id, existing);
  }

  /** Narrows a neutral database. @throws LNMT1008 for another cloud's, LNMT2003 for one that is not of this folder */
  static expect(scope: IConstruct, database: IRelationalDatabase, property = 'relationalDatabase'): IRdsDatabase {
    return expectBrand<IRdsDatabase & Construct>(scope, property, database, BRAND, 'RdsDatabase');
  }

  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  readonly host: string;
  readonly port = PORT;
  readonly databaseName: string;
  readonly credentials: ISecret;
  readonly egress: readonly EgressRule[];
  readonly backupArn: string;

  /**
   * @throws LNMT1002 for a size or retention out of range, LNMT2102 when no class is large enough, LNMT2106 for a malformed name
   */
  constructor(scope: Construct, id: string, props: RelationalDatabaseProps & AwsContext) {
    super(scope, id);
    brand(this, BRAND);
    const onRemoval = props.onRemoval ?? 'retain';
    this.databaseName = databaseName(this, props.databaseName ?? 'lnmt');
    const keyArn = keyArnOf(this, props.encryptionKey);
    const identifier = legalName(AWS_DATA_NAMES.database, props.naming, this);
    const guard = new NodesOnly(this, 'SecurityGroup', {
      ...props,
      service: 'PostgreSQL',
      ports: [{ from: PORT, to: PORT }],
    });
    const subnets = new DbSubnetGroup(this, 'Subnets', {
      name: legalName(AWS_DATA_NAMES.subnetGroup, props.naming, this),
      description: 'Private subnets of the network',
      subnetIds: [...guard.subnetIds],
    });
    const instance = new DbInstance(this, 'Resource', {
      ...sizing(this, props),
      ...monitoring(this, props, identifier, keyArn),
      identifier,
      dbName: this.databaseName,
      port: PORT,
      username: ADMINISTRATOR,
      manageMasterUserPassword: true,
      masterUserSecretKmsKeyId: keyArn,
      iamDatabaseAuthenticationEnabled: true,
      storageEncrypted: true,
      kmsKeyId: keyArn,
      dbSubnetGroupName: subnets.name,
      vpcSecurityGroupIds: [guard.securityGroupId],
      publiclyAccessible: false,
      caCertIdentifier: 'rds-ca-rsa2048-g1',
      autoMinorVersionUpgrade: true,
      copyTagsToSnapshot: true,
      deleteAutomatedBackups: onRemoval === 'destroy',
      deletionProtection: onRemoval === 'retain',
      skipFinalSnapshot: onRemoval === 'destroy',
      finalSnapshotIdentifier:
        onRemoval === 'retain'
          ? legalName(AWS_DATA_NAMES.databaseSnapshot, [...props.naming, 'final'], this)
          : undefined,
    });
    stateful(instance, props.naming, onRemoval);
    this.host = instance.address;
    this.backupArn = instance.arn;
    this.egress = egressTo(props.network.cidr, PORT);
    const secretArn = instance.masterUserSecret.get(0).secretArn;
    this.credentials = SecretsManagerSecret.fromSecret(this, 'Credentials', { externalKey: secretArn });
    shareManagedSecret(this, keyArn === undefined ? { secretArn } : { secretArn, keyArn });
  }
}

class ImportedDatabase extends Construct implements IRdsDatabase {
  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  readonly host: string;
  readonly port: number;
  readonly databaseName: string;
  readonly credentials?: ISecret;
  readonly egress: readonly EgressRule[];
  readonly backupArn: string;

  constructor(scope: Construct, id: string, existing: ExistingDatabase) {
    super(scope, id);
    brand(this, BRAND);
    this.host = existing.host;
    this.port = existing.port ?? PORT;
    this.databaseName = existing.databaseName;
    this.backupArn = expectArn(this, 'databaseArn', existing.databaseArn, 'rds');
    this.egress = egressTo(existing.cidr, this.port);
    if (existing.credentials) this.credentials = SecretsManagerSecret.expect(this, existing.credentials, 'credentials');
  }
}

function egressTo(cidr: string, port: number): readonly EgressRule[] {
  return [{ description: 'PostgreSQL in the private subnets', cidrs: [cidr], ports: [{ port, protocol: 'TCP' }] }];
}

function databaseName(scope: IConstruct, name: string): string {
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(literal(scope, 'databaseName', name))) throw unusableDatabaseName(scope, name);
  return name;
}
