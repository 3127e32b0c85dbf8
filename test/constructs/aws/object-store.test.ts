import { Lazy, TerraformOutput } from 'cdktf';
import { describe, expect, it } from 'vitest';
import { S3ObjectStore } from '../../../constructs/aws/object-store';
import type { S3ObjectStore as Store } from '../../../constructs/aws/object-store';
import { DataStack, ForeignBlock, REGION, codeOf, statement, statementsOf } from './data-stack';
import type { IWorkloadIdentity } from '../../../constructs/cloud/workload-identity';

const KEY = 'arn:aws:kms:eu-west-1:111122223333:key/k';

function storeIn(data: DataStack, props: Partial<ConstructorParameters<typeof Store>[2]> = {}): Store {
  return new S3ObjectStore(data.stack, 'models', {
    naming: ['ml', 'models'],
    region: REGION,
    encryptionKey: data.key(),
    ...props,
  });
}

describe('S3ObjectStore', () => {
  it('has a prefix for a name, a pinned address and no way to be emptied or destroyed by default', () => {
    const data = new DataStack();
    storeIn(data);
    expect(data.resources('aws_s3_bucket')['ml_models']).toMatchObject({
      bucket_prefix: 'ml-models-',
      force_destroy: false,
      lifecycle: { prevent_destroy: true },
    });
  });

  it('is private, owned by the account, versioned and encrypted with a bucket key', () => {
    const data = new DataStack();
    storeIn(data);
    const of = (type: string) =>
      Object.values(data.resources(type)).find((one) => one['bucket'] === '${aws_s3_bucket.ml_models.id}');
    expect(of('aws_s3_bucket_public_access_block')).toMatchObject({
      block_public_acls: true,
      block_public_policy: true,
      ignore_public_acls: true,
      restrict_public_buckets: true,
    });
    expect(of('aws_s3_bucket_ownership_controls')).toMatchObject({ rule: { object_ownership: 'BucketOwnerEnforced' } });
    expect(of('aws_s3_bucket_versioning')).toMatchObject({ versioning_configuration: { status: 'Enabled' } });
    expect(of('aws_s3_bucket_server_side_encryption_configuration')).toMatchObject({
      rule: [
        {
          bucket_key_enabled: true,
          apply_server_side_encryption_by_default: { sse_algorithm: 'aws:kms', kms_master_key_id: KEY },
        },
      ],
    });
  });

  it('refuses plain HTTP and TLS before 1.2 to everybody', () => {
    const data = new DataStack();
    storeIn(data);
    const policy = Object.values(data.resources('aws_s3_bucket_policy')).find((one) =>
      String(JSON.stringify(one)).includes('ml_models'),
    );
    const everything = { Effect: 'Deny', Principal: { AWS: '*' }, Action: ['s3:*'] };
    expect(statementsOf(policy)).toEqual([
      expect.objectContaining({ ...everything, Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
      expect.objectContaining({ ...everything, Condition: { NumericLessThan: { 's3:TlsVersion': '1.2' } } }),
    ]);
  });

  it('expires old versions and unfinished uploads', () => {
    const data = new DataStack();
    storeIn(data, { noncurrentVersionDays: 30 });
    const rules = Object.values(data.resources('aws_s3_bucket_lifecycle_configuration')).map((one) => one['rule']);
    expect(rules).toContainEqual([
      expect.objectContaining({
        abort_incomplete_multipart_upload: [{ days_after_initiation: 7 }],
        noncurrent_version_expiration: [{ noncurrent_days: 30 }],
      }),
    ]);
  });

  it('shares one access-log bucket a stack, which stays when any of its stores stays', () => {
    const data = new DataStack();
    storeIn(data, { onRemoval: 'destroy' });
    expect(data.resources('aws_s3_bucket')['lnmt_access_logs']).toMatchObject({ force_destroy: true });
    new S3ObjectStore(data.stack, 'datasets', { naming: ['ml', 'datasets'], region: REGION });
    expect(data.resources('aws_s3_bucket')['lnmt_access_logs']).toMatchObject({
      force_destroy: false,
      lifecycle: { prevent_destroy: true },
    });
    const logging = Object.values(data.resources('aws_s3_bucket_logging'));
    expect(logging.map((one) => one['target_bucket'])).toEqual(
      Array(2).fill('${aws_s3_bucket.lnmt_access_logs.bucket}'),
    );
    for (const one of logging) {
      expect(one['depends_on']).toEqual([expect.stringMatching(/^aws_s3_bucket_policy\.LnmtAccessLogs/)]);
    }
  });

  it('lets log delivery write to the log bucket from this account only', () => {
    const data = new DataStack();
    storeIn(data);
    const policy = Object.values(data.resources('aws_s3_bucket_policy')).find((one) =>
      JSON.stringify(one).includes('logging.s3.amazonaws.com'),
    );
    expect(statement(policy, 'LogDelivery')).toMatchObject({
      Principal: { Service: 'logging.s3.amazonaws.com' },
      Action: ['s3:PutObject'],
      Condition: {
        StringEquals: { 'aws:SourceAccount': '${data.aws_caller_identity.LnmtAwsAccount.account_id}' },
      },
    });
  });

  it('grants reading below a prefix with exact ARNs and the key through S3 only', () => {
    const data = new DataStack();
    storeIn(data).grants.read(data.identity(), 'models/digits/');
    expect(statementsOf(data.only('aws_iam_role_policy'))).toEqual([
      {
        Sid: 'List',
        Effect: 'Allow',
        Action: ['s3:ListBucket'],
        Resource: ['${aws_s3_bucket.ml_models.arn}'],
        Condition: { StringLike: { 's3:prefix': ['models/digits', 'models/digits/*'] } },
      },
      {
        Sid: 'Objects',
        Effect: 'Allow',
        Action: ['s3:GetObject', 's3:GetObjectVersion'],
        Resource: ['${aws_s3_bucket.ml_models.arn}/models/digits/*'],
      },
      {
        Sid: 'UseKey',
        Effect: 'Allow',
        Action: ['kms:Decrypt'],
        Resource: [KEY],
        Condition: { StringEquals: { 'kms:ViaService': 's3.eu-west-1.amazonaws.com' } },
      },
    ]);
  });

  it('grants writing with deletion of objects but not of versions', () => {
    const data = new DataStack();
    storeIn(data).grants.readWrite(data.identity());
    const policy = data.only('aws_iam_role_policy');
    expect(statement(policy, 'List')['Condition']).toBeUndefined();
    expect(statement(policy, 'Objects')).toMatchObject({ Resource: ['${aws_s3_bucket.ml_models.arn}/*'] });
    expect(statement(policy, 'Objects')['Action']).toContain('s3:PutObject');
    expect(statement(policy, 'Objects')['Action']).not.toContain('s3:DeleteObjectVersion');
    expect(statement(policy, 'UseKey')['Action']).toEqual(['kms:Decrypt', 'kms:GenerateDataKey']);
  });

  it('adds one policy for each different grant and none for a repeated one', () => {
    const data = new DataStack();
    const store = storeIn(data);
    const identity = data.identity();
    for (const prefix of ['a', 'a/', 'b']) store.grants.read(identity, prefix);
    store.grants.readWrite(identity, 'a');
    expect(Object.keys(data.resources('aws_iam_role_policy'))).toHaveLength(3);
  });

  it('needs no key statement with the key of the service itself', () => {
    const data = new DataStack();
    const store = new S3ObjectStore(data.stack, 'plain', { naming: ['plain'], region: REGION });
    store.grants.read(data.identity());
    expect(statementsOf(data.only('aws_iam_role_policy')).map((one) => one['Sid'])).toEqual(['List', 'Objects']);
  });

  it.each(['/models', 'models/*', 'model?', '${aws:username}'])('refuses to grant the prefix %s', (prefix) => {
    const data = new DataStack();
    expect(() => storeIn(data).grants.read(data.identity(), prefix)).toThrow(/LNMT2104 \[data\/models\]: prefix/);
  });

  it('refuses to grant a prefix that only Terraform knows', () => {
    const data = new DataStack();
    const prefix = Lazy.stringValue({ produce: () => 'x' });
    expect(codeOf(() => storeIn(data).grants.read(data.identity(), prefix))).toBe('LNMT1004');
  });

  it('refuses to grant anything to an identity of another cloud', () => {
    const data = new DataStack();
    const foreign = Object.assign(new ForeignBlock(data.stack, 'id'), {
      namespace: 'n',
      serviceAccountName: 's',
      serviceAccountAnnotations: {},
      podLabels: {},
    }) satisfies IWorkloadIdentity;
    expect(codeOf(() => storeIn(data).grants.read(foreign))).toBe('LNMT1008');
  });

  it('tells containers the region, and policies the way to S3', () => {
    const { binding } = storeIn(new DataStack());
    expect(binding.env).toEqual({ AWS_REGION: REGION });
    expect(binding.egress).toMatchObject([{ ports: [{ port: 443, protocol: 'TCP' }] }]);
    expect(binding.egress[0]?.cidrs).not.toContain('0.0.0.0/0');
  });

  it('checks that an object exists by a listing, so that a missing one is our message', () => {
    const data = new DataStack();
    const check = storeIn(data).objectExists(data.stack, 'check', 'digits/3/model.onnx', 'bring the model');
    expect(data.document().data?.['aws_s3_objects']?.['check']).toMatchObject({
      bucket: '${aws_s3_bucket.ml_models.bucket}',
      prefix: 'digits/3/model.onnx',
      max_keys: 1,
    });
    expect(check.message).toBe('bring the model');
    new TerraformOutput(data.stack, 'condition', { value: check.condition });
    expect(data.document().output?.['condition']).toEqual({
      value: '${contains(data.aws_s3_objects.check.keys, "digits/3/model.onnx")}',
    });
  });

  it('adopts a bucket without creating anything, and grants on it', () => {
    const data = new DataStack();
    const adopt = (): ReturnType<typeof S3ObjectStore.fromBucket> =>
      S3ObjectStore.fromBucket(data.stack, 'old', { bucketName: 'old-models', region: REGION });
    expect(data.added(adopt)).toEqual([]);
    const store = data.stack.node.findChild('old') as ReturnType<typeof adopt>;
    expect(store.uri).toBe('s3://old-models');
    store.grants.read(data.identity());
    expect(statement(data.only('aws_iam_role_policy'), 'Objects')['Resource']).toEqual(['arn:aws:s3:::old-models/*']);
  });

  it.each(['s3://models', 'Models', 'ml', 'models/v1', '-models', 'models.', 'a..b', 'm'.repeat(64), ''])(
    'refuses to adopt a bucket by the name %j',
    (bucketName) => {
      const adopt = (): unknown =>
        S3ObjectStore.fromBucket(new DataStack().stack, 'old', { bucketName, region: REGION });
      expect(codeOf(adopt)).toBe('LNMT2015');
    },
  );

  it('adopts a bucket whose name only Terraform knows', () => {
    const bucketName = '${data.terraform_remote_state.shared.outputs.bucket}';
    const store = S3ObjectStore.fromBucket(new DataStack().stack, 'old', { bucketName, region: REGION });
    expect(store.uri).toBe(`s3://${bucketName}`);
  });

  it('refuses to keep old versions for no time', () => {
    expect(codeOf(() => storeIn(new DataStack(), { noncurrentVersionDays: 0 }))).toBe('LNMT1002');
  });
});
