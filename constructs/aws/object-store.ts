import { DataAwsS3Objects } from '@cdktf/provider-aws/lib/data-aws-s3-objects';
import { S3Bucket } from '@cdktf/provider-aws/lib/s3-bucket';
import { S3BucketLifecycleConfiguration } from '@cdktf/provider-aws/lib/s3-bucket-lifecycle-configuration';
import { S3BucketLoggingA } from '@cdktf/provider-aws/lib/s3-bucket-logging';
import { S3BucketServerSideEncryptionConfigurationA } from '@cdktf/provider-aws/lib/s3-bucket-server-side-encryption-configuration';
import { Fn, Token } from 'cdktf';
import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import { INFERENCE_ENV } from '../../runtime/contract';
import { wholeNumber } from '../checks';
import type { IEncryptionKey } from '../cloud/encryption-key';
import type { DeploymentCheck } from '../cloud/kubernetes-parts';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { IObjectStore, IObjectStoreGrants, ObjectStoreProps, StoreBinding } from '../cloud/object-store';
import { asExpression } from '../expression';
import { legalName } from '../names';
import { stateful } from '../stateful';
import { AccessLogBucket } from './access-log-bucket';
import { secureBucket, tlsOnly } from './bucket-security';
import { AWS, brand, expectBrand, partitionOf } from './context';
import type { AwsContext } from './context';
import { PUBLIC_RANGES } from './egress';
import { keyArnOf } from './encryption-key';
import { unusableBucketName } from './errors';
import { AWS_DATA_NAMES } from './names-data';
import { BucketGrants } from './object-store-grants';

const BRAND = Symbol.for('lnmt/aws/object-store');
const ABORT_UPLOAD_DAYS = 7;
/** @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
const BUCKET_NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** An object store on S3, with what other blocks of AWS need to know of it. */
export interface IS3ObjectStore extends IObjectStore {
  /** Name of the bucket; may be a token. */
  readonly bucketName: string;
  /** ARN of the bucket; may be a token. */
  readonly bucketArn: string;
  /** ARN that AWS Backup selects. */
  readonly backupArn: string;
  /** ARN of the key of KMS that objects are encrypted with. @default - the service's own key */
  readonly keyArn?: string;
}

/** What `S3ObjectStore.fromBucket` needs to know. */
export interface ExistingBucket {
  /** Name of the bucket; may be a token. */
  readonly bucketName: string;
  /** Region that the bucket lives in. */
  readonly region: string;
  /** Key that its objects are encrypted with. @default - the service's own key */
  readonly encryptionKey?: IEncryptionKey;
}

abstract class BucketBase extends Construct implements IS3ObjectStore {
  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  abstract readonly bucketName: string;
  abstract readonly bucketArn: string;
  readonly keyArn?: string;
  protected readonly region: string;

  constructor(scope: Construct, id: string, context: AwsContext, key: IEncryptionKey | undefined) {
    super(scope, id);
    brand(this, BRAND);
    this.region = context.region;
    const keyArn = keyArnOf(this, key);
    if (keyArn !== undefined) this.keyArn = keyArn;
  }

  get uri(): string {
    return `s3://${this.bucketName}`;
  }

  get backupArn(): string {
    return this.bucketArn;
  }

  get grants(): IObjectStoreGrants {
    return new BucketGrants(this, this.region);
  }

  get binding(): StoreBinding {
    return {
      env: { [INFERENCE_ENV.s3Region.name]: this.region },
      egress: [
        {
          description: `Amazon S3 in ${this.region}, whose gateway endpoint keeps public addresses`,
          cidrs: PUBLIC_RANGES,
          ports: [{ port: 443, protocol: 'TCP' }],
        },
      ],
    };
  }

  objectExists(scope: Construct, id: string, key: string, message: string): DeploymentCheck {
    // The listing is sorted: when the key exists it comes first among those that begin with it.
    const listing = new DataAwsS3Objects(scope, id, { bucket: this.bucketName, prefix: key, maxKeys: 1 });
    return { condition: Token.asString(Fn.contains(listing.keys, asExpression(key))), message };
  }
}

/**
 * A private S3 bucket: versioned, encrypted with a bucket key, TLS 1.2 or newer, owned by the account alone, with access
 * logs in one bucket a stack. The name is `<naming>-<suffix of the provider>`, because buckets share one namespace world-wide.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
 */
export class S3ObjectStore extends BucketBase {
  /** Adopts a bucket. Its policy stays as it is. @throws LNMT2015 for a name that no bucket can have */
  static fromBucket(scope: Construct, id: string, existing: ExistingBucket): IS3ObjectStore {
    return new ImportedBucket(scope, id, existing);
  }

  /** Narrows a neutral store. @throws LNMT1008 for another cloud's, LNMT2003 for one that is not of this folder */
  static expect(scope: IConstruct, store: IObjectStore, property = 'objectStore'): IS3ObjectStore {
    return expectBrand<BucketBase>(scope, property, store, BRAND, 'S3ObjectStore');
  }

  readonly bucketName: string;
  readonly bucketArn: string;

  /** @throws LNMT1002 for `noncurrentVersionDays` below 1 */
  constructor(scope: Construct, id: string, props: ObjectStoreProps & AwsContext) {
    super(scope, id, props, props.encryptionKey);
    const onRemoval = props.onRemoval ?? 'retain';
    const noncurrentDays = wholeNumber(this, 'noncurrentVersionDays', props.noncurrentVersionDays ?? 90, {
      min: 1,
      max: 36500,
      unit: 'days',
    });
    const bucket = new S3Bucket(this, 'Resource', {
      bucketPrefix: `${legalName(AWS_DATA_NAMES.bucketPrefix, props.naming, this)}-`,
      forceDestroy: onRemoval === 'destroy',
    });
    stateful(bucket, props.naming, onRemoval);
    this.bucketName = bucket.bucket;
    this.bucketArn = bucket.arn;
    const { versioning } = secureBucket(this, bucket, tlsOnly(bucket.arn));
    this.encrypt(bucket);
    const logs = AccessLogBucket.of(this, onRemoval, props);
    new S3BucketLoggingA(this, 'AccessLogs', {
      bucket: bucket.id,
      targetBucket: logs.bucketName,
      targetPrefix: `${bucket.bucket}/`,
      dependsOn: [logs.ready],
    });
    new S3BucketLifecycleConfiguration(this, 'Lifecycle', {
      bucket: bucket.id,
      dependsOn: [versioning],
      rule: [
        {
          id: 'tidy',
          status: 'Enabled',
          filter: [{ prefix: '' }],
          abortIncompleteMultipartUpload: [{ daysAfterInitiation: ABORT_UPLOAD_DAYS }],
          noncurrentVersionExpiration: [{ noncurrentDays }],
          expiration: [{ expiredObjectDeleteMarker: true }],
        },
      ],
    });
  }

  private encrypt(bucket: S3Bucket): void {
    new S3BucketServerSideEncryptionConfigurationA(this, 'Encryption', {
      bucket: bucket.id,
      rule: [
        {
          bucketKeyEnabled: true,
          applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: this.keyArn },
        },
      ],
    });
  }
}

// A name that only Terraform knows is passed on.
function checkedName(scope: IConstruct, name: string): string {
  if (name.includes('${') || (BUCKET_NAME.test(name) && !name.includes('..'))) return name;
  throw unusableBucketName(scope, 'bucketName', name);
}

class ImportedBucket extends BucketBase {
  readonly bucketName: string;
  readonly bucketArn: string;

  constructor(scope: Construct, id: string, existing: ExistingBucket) {
    super(scope, id, existing, existing.encryptionKey);
    this.bucketName = checkedName(this, existing.bucketName);
    this.bucketArn = `arn:${partitionOf(existing.region)}:s3:::${existing.bucketName}`;
  }
}
