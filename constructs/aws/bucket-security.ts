import type { S3Bucket } from '@cdktf/provider-aws/lib/s3-bucket';
import { S3BucketOwnershipControls } from '@cdktf/provider-aws/lib/s3-bucket-ownership-controls';
import { S3BucketPolicy } from '@cdktf/provider-aws/lib/s3-bucket-policy';
import { S3BucketPublicAccessBlock } from '@cdktf/provider-aws/lib/s3-bucket-public-access-block';
import { S3BucketVersioningA } from '@cdktf/provider-aws/lib/s3-bucket-versioning';
import type { Construct } from 'constructs';
import { policyDocument } from './iam';
import type { PolicyStatement } from './iam';

const OLDEST_TLS = '1.2';

/** Parts that others have to wait for. */
export interface SecuredBucket {
  readonly policy: S3BucketPolicy;
  readonly versioning: S3BucketVersioningA;
}

/** What every bucket has: no public access of any kind, no access lists, versions, and the policy that is given. */
export function secureBucket(
  scope: Construct,
  bucket: S3Bucket,
  statements: readonly PolicyStatement[],
): SecuredBucket {
  const block = new S3BucketPublicAccessBlock(scope, 'PublicAccess', {
    bucket: bucket.id,
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  });
  new S3BucketOwnershipControls(scope, 'Ownership', {
    bucket: bucket.id,
    rule: { objectOwnership: 'BucketOwnerEnforced' },
  });
  // S3 refuses to change the policy and the public access block of one bucket at the same time.
  const policy = new S3BucketPolicy(scope, 'Policy', {
    bucket: bucket.id,
    policy: policyDocument(statements),
    dependsOn: [block],
  });
  const versioning = new S3BucketVersioningA(scope, 'Versioning', {
    bucket: bucket.id,
    versioningConfiguration: { status: 'Enabled' },
  });
  return { policy, versioning };
}

/**
 * Refuses requests without TLS, and those with a TLS of the last century.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html
 */
export function tlsOnly(bucketArn: string): readonly PolicyStatement[] {
  const everything = {
    effect: 'Deny',
    principals: { AWS: '*' },
    actions: ['s3:*'],
    resources: [bucketArn, `${bucketArn}/*`],
  } as const;
  return [
    { ...everything, sid: 'TlsOnly', conditions: { Bool: { 'aws:SecureTransport': 'false' } } },
    { ...everything, sid: 'NoOldTls', conditions: { NumericLessThan: { 's3:TlsVersion': OLDEST_TLS } } },
  ];
}
