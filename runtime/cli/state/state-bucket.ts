import type * as Sdk from '@aws-sdk/client-s3';
import { bucketTaken, packageMissing, storeFailed } from '../errors';

/** The S3 client as far as it is used; tests give another. */
export type StateSdk = Pick<
  typeof Sdk,
  | 'S3Client'
  | 'HeadBucketCommand'
  | 'CreateBucketCommand'
  | 'PutPublicAccessBlockCommand'
  | 'PutBucketOwnershipControlsCommand'
  | 'PutBucketVersioningCommand'
  | 'PutBucketEncryptionCommand'
  | 'PutBucketPolicyCommand'
  | 'PutBucketLifecycleConfigurationCommand'
>;

/** Which bucket. */
export interface StateBucketOptions {
  readonly bucket: string;
  readonly region: string;
  /** KMS key that encrypts the states. @default - the account's own key for S3 */
  readonly kmsKeyId?: string;
  /** URL of a store other than AWS. @default - AWS */
  readonly endpoint?: string;
}

/** What happened. */
export type BootstrapOutcome = 'created' | 'updated';

const PACKAGE = '@aws-sdk/client-s3';
/** The one region that must not be named when a bucket is created. */
const CLASSIC_REGION = 'us-east-1';
const NONCURRENT_DAYS = 365;
const ABORT_UPLOAD_DAYS = 7;

async function importSdk(): Promise<StateSdk> {
  try {
    return await import('@aws-sdk/client-s3');
  } catch {
    throw packageMissing(PACKAGE, 'lnmt state bootstrap');
  }
}

/**
 * Makes the bucket for Terraform states, or brings an existing one of the account to the same settings: private, versioned,
 * encrypted, TLS only. Repeating it changes nothing.
 *
 * @param load imports the S3 client, which is a package of its own
 */
export async function bootstrapStateBucket(
  options: StateBucketOptions,
  load: () => Promise<StateSdk> = importSdk,
): Promise<BootstrapOutcome> {
  const sdk = await load();
  const { bucket, region, endpoint } = options;
  const client = new sdk.S3Client({ region, ...(endpoint ? { endpoint, forcePathStyle: true } : {}) });
  try {
    const exists = await bucketExists(sdk, client, bucket);
    if (!exists) await client.send(new sdk.CreateBucketCommand({ Bucket: bucket, ...location(region) }));
    await secure(sdk, client, options);
    return exists ? 'updated' : 'created';
  } catch (error) {
    if (error instanceof Error && 'exitCode' in error) throw error;
    throw storeFailed(`s3://${bucket}`, error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  } finally {
    client.destroy();
  }
}

function location(region: string): Pick<Sdk.CreateBucketCommandInput, 'CreateBucketConfiguration'> {
  if (region === CLASSIC_REGION) return {};
  return { CreateBucketConfiguration: { LocationConstraint: region as Sdk.BucketLocationConstraint } };
}

async function bucketExists(sdk: StateSdk, client: Sdk.S3Client, bucket: string): Promise<boolean> {
  try {
    await client.send(new sdk.HeadBucketCommand({ Bucket: bucket }));
    return true;
  } catch (error) {
    const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
    if (status === 404) return false;
    if (status === 403 || status === 301) throw bucketTaken(bucket, status);
    throw error;
  }
}

async function secure(sdk: StateSdk, client: Sdk.S3Client, options: StateBucketOptions): Promise<void> {
  const Bucket = options.bucket;
  await client.send(
    new sdk.PutPublicAccessBlockCommand({
      Bucket,
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    }),
  );
  const Rules = [{ ObjectOwnership: 'BucketOwnerEnforced' as const }];
  await client.send(new sdk.PutBucketOwnershipControlsCommand({ Bucket, OwnershipControls: { Rules } }));
  await client.send(new sdk.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
  await client.send(
    new sdk.PutBucketEncryptionCommand({
      Bucket,
      ServerSideEncryptionConfiguration: { Rules: [{ ...encryption(options.kmsKeyId), BucketKeyEnabled: true }] },
    }),
  );
  await client.send(new sdk.PutBucketPolicyCommand({ Bucket, Policy: tlsOnly(options) }));
  await client.send(new sdk.PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: lifecycle() }));
}

function encryption(kmsKeyId: string | undefined): Sdk.ServerSideEncryptionRule {
  const key = kmsKeyId === undefined ? {} : { KMSMasterKeyID: kmsKeyId };
  return { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', ...key } };
}

function tlsOnly({ bucket, region }: StateBucketOptions): string {
  const partition = region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
  const arn = `arn:${partition}:s3:::${bucket}`;
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'TlsOnly',
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [arn, `${arn}/*`],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ],
  });
}

function lifecycle(): Sdk.BucketLifecycleConfiguration {
  return {
    Rules: [
      {
        ID: 'old-states',
        Status: 'Enabled',
        Filter: { Prefix: '' },
        NoncurrentVersionExpiration: { NoncurrentDays: NONCURRENT_DAYS },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: ABORT_UPLOAD_DAYS },
      },
    ],
  };
}
