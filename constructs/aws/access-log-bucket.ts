import { S3Bucket } from '@cdktf/provider-aws/lib/s3-bucket';
import { S3BucketLifecycleConfiguration } from '@cdktf/provider-aws/lib/s3-bucket-lifecycle-configuration';
import { S3BucketServerSideEncryptionConfigurationA } from '@cdktf/provider-aws/lib/s3-bucket-server-side-encryption-configuration';
import { TerraformStack } from 'cdktf';
import type { ITerraformDependable } from 'cdktf';
import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import { legalName } from '../names';
import { stateful } from '../stateful';
import type { RemovalPolicy } from '../stateful';
import { secureBucket, tlsOnly } from './bucket-security';
import { accountIdOf, partitionOf } from './context';
import type { AwsContext } from './context';
import { AWS_DATA_NAMES } from './names-data';

const ID = 'LnmtAccessLogs';
const RETENTION_DAYS = 365;
const LOGICAL_NAME = ['lnmt', 'access', 'logs'];

/**
 * The bucket that receives the access logs of all buckets of a stack; made when the first store asks for it. It is
 * encrypted with the keys of S3, because log delivery cannot write to a bucket with a key of KMS.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
 */
export class AccessLogBucket extends Construct {
  /** The bucket of the stack. It stays when any of the stores that use it stays. */
  static of(scope: IConstruct, onRemoval: RemovalPolicy, context: AwsContext): AccessLogBucket {
    const stack = TerraformStack.of(scope);
    const found = stack.node.tryFindChild(ID);
    const bucket = found instanceof AccessLogBucket ? found : new AccessLogBucket(stack, ID, context);
    if (onRemoval === 'retain') bucket.retain();
    return bucket;
  }

  /** Name of the bucket, as a token. */
  readonly bucketName: string;
  /** What has to exist before the first log can be delivered. */
  readonly ready: ITerraformDependable;
  private readonly resource: S3Bucket;

  private constructor(scope: TerraformStack, id: string, context: AwsContext) {
    super(scope, id);
    this.resource = new S3Bucket(this, 'Resource', {
      bucketPrefix: `${legalName(AWS_DATA_NAMES.bucketPrefix, [scope.node.id, 'access-logs'], this)}-`,
      forceDestroy: true,
    });
    stateful(this.resource, LOGICAL_NAME, 'destroy');
    this.bucketName = this.resource.bucket;
    const { policy } = secureBucket(this, this.resource, [
      ...tlsOnly(this.resource.arn),
      {
        sid: 'LogDelivery',
        principals: { Service: 'logging.s3.amazonaws.com' },
        actions: ['s3:PutObject'],
        resources: `${this.resource.arn}/*`,
        conditions: {
          StringEquals: { 'aws:SourceAccount': accountIdOf(this) },
          ArnLike: { 'aws:SourceArn': `arn:${partitionOf(context.region)}:s3:::*` },
        },
      },
    ]);
    this.ready = policy;
    new S3BucketServerSideEncryptionConfigurationA(this, 'Encryption', {
      bucket: this.resource.id,
      rule: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }],
    });
    new S3BucketLifecycleConfiguration(this, 'Lifecycle', {
      bucket: this.resource.id,
      rule: [
        {
          id: 'expire',
          status: 'Enabled',
          filter: [{ prefix: '' }],
          expiration: [{ days: RETENTION_DAYS }],
          noncurrentVersionExpiration: [{ noncurrentDays: 30 }],
          abortIncompleteMultipartUpload: [{ daysAfterInitiation: 7 }],
        },
      ],
    });
  }

  private retain(): void {
    this.resource.forceDestroy = false;
    this.resource.lifecycle = { ...this.resource.lifecycle, preventDestroy: true };
  }
}
