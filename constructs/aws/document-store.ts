import { DynamodbTable } from '@cdktf/provider-aws/lib/dynamodb-table';
import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import { expectCloud } from '../cloud/building-block';
import type { DocumentStoreProps, IDocumentStore, IDocumentStoreGrants } from '../cloud/document-store';
import type { IEncryptionKey } from '../cloud/encryption-key';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { IWorkloadIdentity } from '../cloud/workload-identity';
import { legalName } from '../names';
import { stateful } from '../stateful';
import { expectArn } from './arn';
import { AWS, brand, expectBrand } from './context';
import type { AwsContext } from './context';
import { keyArnOf, keyUse } from './encryption-key';
import { grantTo } from './grant';
import { AWS_DATA_NAMES } from './names-data';

const BRAND = Symbol.for('lnmt/aws/document-store');
const READ_WRITE = [
  'BatchGetItem',
  'BatchWriteItem',
  'ConditionCheckItem',
  'DeleteItem',
  'DescribeTable',
  'GetItem',
  'PutItem',
  'Query',
  'Scan',
  'UpdateItem',
].map((action) => `dynamodb:${action}`);

/** A document store on DynamoDB, with what other blocks of AWS need to know of it. */
export interface IDynamoDocumentStore extends IDocumentStore {
  /** ARN of the table; may be a token. */
  readonly tableArn: string;
  /** ARN that AWS Backup selects. */
  readonly backupArn: string;
}

/** What `DynamoDocumentStore.fromTable` needs to know. */
export interface ExistingTable {
  /** Name of the table; may be a token. */
  readonly tableName: string;
  /** ARN of the table; may be a token. */
  readonly tableArn: string;
  /** Region that the table lives in. */
  readonly region: string;
  /** Key that it is encrypted with. @default - the service's own key */
  readonly encryptionKey?: IEncryptionKey;
}

abstract class TableBase extends Construct implements IDynamoDocumentStore {
  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  readonly api = 'dynamodb';
  abstract readonly storeName: string;
  abstract readonly tableArn: string;
  protected readonly keyArn: string | undefined;
  private readonly region: string;

  constructor(scope: Construct, id: string, context: AwsContext, key: IEncryptionKey | undefined) {
    super(scope, id);
    brand(this, BRAND);
    this.region = context.region;
    this.keyArn = keyArnOf(this, key);
  }

  get backupArn(): string {
    return this.tableArn;
  }

  get grants(): IDocumentStoreGrants {
    return {
      readWrite: (identity: IWorkloadIdentity) => {
        grantTo(
          this,
          identity,
          ['ReadWrite'],
          [
            { sid: 'Items', actions: READ_WRITE, resources: [this.tableArn, `${this.tableArn}/index/*`] },
            ...keyUse(this.keyArn, this.region, 'dynamodb', ['kms:Decrypt', 'kms:DescribeKey']),
          ],
        );
      },
    };
  }
}

/**
 * A DynamoDB table, paid by request: point-in-time recovery, encrypted with a key of KMS, deletion protection, and
 * documents that expire.
 *
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/best-practices-security-preventative.html
 */
export class DynamoDocumentStore extends TableBase {
  /** Adopts a table. @throws LNMT2100 for what is not an ARN of DynamoDB */
  static fromTable(scope: Construct, id: string, existing: ExistingTable): IDynamoDocumentStore {
    return new ImportedTable(scope, id, existing);
  }

  /** Narrows a neutral store. @throws LNMT1008 for another cloud's, LNMT2003 for one that is not of this folder */
  static expect(scope: IConstruct, store: IDocumentStore, property = 'documentStore'): IDynamoDocumentStore {
    return expectBrand<TableBase>(scope, property, store, BRAND, 'DynamoDocumentStore');
  }

  readonly storeName: string;
  readonly tableArn: string;

  constructor(scope: Construct, id: string, props: DocumentStoreProps & AwsContext) {
    super(scope, id, props, props.encryptionKey);
    expectCloud(this, 'cluster', props.cluster, AWS);
    const onRemoval = props.onRemoval ?? 'retain';
    const hashKey = props.partitionKey ?? 'pk';
    const rangeKey = props.sortKey ?? 'sk';
    const table = new DynamodbTable(this, 'Resource', {
      name: legalName(AWS_DATA_NAMES.table, props.naming, this),
      billingMode: 'PAY_PER_REQUEST',
      hashKey,
      rangeKey,
      attribute: [hashKey, rangeKey].map((name) => ({ name, type: 'S' })),
      ttl: { enabled: true, attributeName: props.expiryAttribute ?? 'expiresAt' },
      pointInTimeRecovery: { enabled: true },
      serverSideEncryption: { enabled: true, kmsKeyArn: this.keyArn },
      deletionProtectionEnabled: onRemoval === 'retain',
    });
    stateful(table, props.naming, onRemoval);
    this.storeName = table.name;
    this.tableArn = table.arn;
  }
}

class ImportedTable extends TableBase {
  readonly storeName: string;
  readonly tableArn: string;

  constructor(scope: Construct, id: string, existing: ExistingTable) {
    super(scope, id, existing, existing.encryptionKey);
    this.storeName = existing.tableName;
    this.tableArn = expectArn(this, 'tableArn', existing.tableArn, 'dynamodb');
  }
}
