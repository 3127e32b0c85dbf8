import { describe, expect, it } from 'vitest';
import { KmsKey } from '../../../constructs/aws/encryption-key';
import { S3ObjectStore } from '../../../constructs/aws/object-store';
import { DataStack, ForeignBlock, REGION, codeOf, statement, statementsOf } from './data-stack';
import type { IEncryptionKey } from '../../../constructs/cloud/encryption-key';

const PROPS = { naming: ['ml', 'data'], description: 'Data of the platform', region: REGION };

describe('KmsKey', () => {
  it('rotates once a year, waits 30 days before deletion and cannot be destroyed by default', () => {
    const data = new DataStack();
    new KmsKey(data.stack, 'k', PROPS);
    expect(data.only('aws_kms_key')).toMatchObject({
      enable_key_rotation: true,
      rotation_period_in_days: 365,
      deletion_window_in_days: 30,
      lifecycle: { prevent_destroy: true },
    });
    expect(Object.keys(data.resources('aws_kms_key'))).toEqual(['ml_data']);
    expect(data.only('aws_kms_alias')).toMatchObject({ name: 'alias/ml-data' });
  });

  it('keeps its Terraform address when its construct moves', () => {
    const data = new DataStack();
    new KmsKey(new ForeignBlock(data.stack, 'elsewhere'), 'other', PROPS);
    expect(Object.keys(data.resources('aws_kms_key'))).toEqual(['ml_data']);
  });

  it('can be destroyed only when asked', () => {
    const data = new DataStack();
    new KmsKey(data.stack, 'k', { ...PROPS, onRemoval: 'destroy' });
    expect(data.only('aws_kms_key')['lifecycle']).toBeUndefined();
  });

  it('admits the account, log groups of the account and region, and alarms of the account, and nobody else', () => {
    const data = new DataStack();
    new KmsKey(data.stack, 'k', PROPS);
    const key = data.only('aws_kms_key');
    const account = '${data.aws_caller_identity.LnmtAwsAccount.account_id}';
    expect(statementsOf(key).map((one) => one['Principal'])).toEqual([
      { AWS: `arn:aws:iam::${account}:root` },
      { Service: 'logs.eu-west-1.amazonaws.com' },
      { Service: 'cloudwatch.amazonaws.com' },
    ]);
    expect(statement(key, 'LogGroups')['Condition']).toEqual({
      ArnLike: { 'kms:EncryptionContext:aws:logs:arn': `arn:aws:logs:eu-west-1:${account}:log-group:*` },
    });
    expect(statement(key, 'Alarms')['Condition']).toEqual({ StringEquals: { 'aws:SourceAccount': account } });
  });

  it('uses the partition and service names of China there', () => {
    const data = new DataStack();
    new KmsKey(data.stack, 'k', { ...PROPS, region: 'cn-north-1' });
    const principals = JSON.stringify(statementsOf(data.only('aws_kms_key')).map((one) => one['Principal']));
    expect(principals).toContain('arn:aws-cn:iam::');
    expect(principals).toContain('logs.cn-north-1.amazonaws.com.cn');
  });

  it.each([89, 2561, 100.5])('refuses to rotate every %s days', (rotationDays) => {
    const data = new DataStack();
    expect(() => new KmsKey(data.stack, 'k', { ...PROPS, rotationDays })).toThrow(/LNMT1002 \[data\/k\]: rotationDays/);
  });

  it('adopts a key without creating anything', () => {
    const data = new DataStack();
    expect(data.added(() => data.key())).toEqual([]);
  });

  it('refuses to adopt what is not an ARN of KMS', () => {
    const data = new DataStack();
    for (const [index, keyArn] of ['alias/ml', 'arn:aws:s3:::bucket', 'arn:aws:kms:eu-west-1:1:'].entries()) {
      expect(() => KmsKey.fromKey(data.stack, `k${index}`, { keyArn })).toThrow(
        /LNMT2100 .*keyArn is not an ARN of kms/,
      );
    }
  });

  it('refuses a key of another cloud, and one that only claims to be of AWS', () => {
    const data = new DataStack();
    const use = (key: IEncryptionKey, id: string) =>
      codeOf(() => new S3ObjectStore(data.stack, id, { naming: ['ml'], region: REGION, encryptionKey: key }));
    expect(use(Object.assign(new ForeignBlock(data.stack, 'a'), { keyId: 'k' }), 's1')).toBe('LNMT1008');
    expect(use(Object.assign(new ForeignBlock(data.stack, 'b', 'aws'), { keyId: 'k' }), 's2')).toBe('LNMT2003');
  });
});
