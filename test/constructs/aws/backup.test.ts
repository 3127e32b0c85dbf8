import { describe, expect, it } from 'vitest';
import { AwsBackup } from '../../../constructs/aws/backup';
import type { AwsBackupProps } from '../../../constructs/aws/backup';
import { DynamoDocumentStore } from '../../../constructs/aws/document-store';
import { S3ObjectStore } from '../../../constructs/aws/object-store';
import { RdsDatabase } from '../../../constructs/aws/relational-database';
import { DataStack, ForeignBlock, REGION, codeOf } from './data-stack';

function backupIn(data: DataStack, props: Partial<AwsBackupProps> = {}): AwsBackup {
  return new AwsBackup(data.stack, 'backup', {
    ...data.common,
    naming: ['ml'],
    encryptionKey: data.key(),
    targets: [],
    ...props,
  });
}

function targetsIn(data: DataStack) {
  return [
    S3ObjectStore.fromBucket(data.stack, 'models', { bucketName: 'models', region: REGION }),
    new DynamoDocumentStore(data.stack, 'documents', { ...data.common, naming: ['ml', 'documents'] }),
    new RdsDatabase(data.stack, 'database', { ...data.common, naming: ['ml', 'database'] }),
  ];
}

describe('AwsBackup', () => {
  it('runs daily at the hour that was asked for, and keeps what it makes as long as asked', () => {
    const data = new DataStack();
    const backup = backupIn(data, { hour: 22, retentionDays: 90 });
    expect(data.only('aws_backup_plan')['rule']).toMatchObject([
      { schedule: 'cron(0 22 * * ? *)', lifecycle: { delete_after: 90 } },
    ]);
    expect(backup.retentionDays).toBe(90);
  });

  it('has a vault with the key, locked in governance mode, pinned and kept', () => {
    const data = new DataStack();
    backupIn(data);
    expect(data.resources('aws_backup_vault')['ml']).toMatchObject({
      kms_key_arn: 'arn:aws:kms:eu-west-1:111122223333:key/k',
      force_destroy: false,
      lifecycle: { prevent_destroy: true },
    });
    const lock = data.only('aws_backup_vault_lock_configuration');
    expect(lock).toMatchObject({ min_retention_days: 7, max_retention_days: 365 });
    expect(lock['changeable_for_days']).toBeUndefined();
  });

  it('has no lock when it may be torn down', () => {
    const data = new DataStack();
    backupIn(data, { onRemoval: 'destroy' });
    expect(data.types()).not.toContain('aws_backup_vault_lock_configuration');
  });

  it('selects exactly its targets, by ARN', () => {
    const data = new DataStack();
    backupIn(data, { targets: targetsIn(data) });
    expect(data.only('aws_backup_selection')['resources']).toEqual([
      'arn:aws:s3:::models',
      '${aws_dynamodb_table.ml_documents.arn}',
      '${aws_db_instance.ml_database.arn}',
    ]);
  });

  it('restores tables and databases once a month as a test', () => {
    const data = new DataStack();
    backupIn(data, { targets: targetsIn(data) });
    const tests = Object.values(data.resources('aws_backup_restore_testing_selection'));
    expect(tests.map((one) => [one['protected_resource_type'], one['protected_resource_arns']])).toEqual([
      ['DynamoDB', ['${aws_dynamodb_table.ml_documents.arn}']],
      ['RDS', ['${aws_db_instance.ml_database.arn}']],
    ]);
    expect(data.only('aws_backup_restore_testing_plan')).toMatchObject({ schedule_expression: 'cron(0 5 1 * ? *)' });
  });

  it('tests no restore when told so, and none when nothing small enough is backed up', () => {
    const off = new DataStack();
    backupIn(off, { targets: targetsIn(off), restoreTests: false });
    expect(off.types()).not.toContain('aws_backup_restore_testing_plan');
    const bucketOnly = new DataStack();
    backupIn(bucketOnly, { targets: targetsIn(bucketOnly).slice(0, 1) });
    expect(bucketOnly.types()).not.toContain('aws_backup_restore_testing_plan');
  });

  it('needs no role without targets', () => {
    const data = new DataStack();
    backupIn(data);
    expect(data.types()).not.toContain('aws_iam_role');
  });

  it('refuses what AWS Backup cannot copy', () => {
    const data = new DataStack();
    expect(() => backupIn(data, { targets: [data.key()] })).toThrow(/LNMT2101 \[data\/backup\]: .*; got data\/key/);
  });

  it('refuses a target of another cloud', () => {
    const data = new DataStack();
    expect(codeOf(() => backupIn(data, { targets: [new ForeignBlock(data.stack, 'b')] }))).toBe('LNMT1008');
  });

  it.each([{ retentionDays: 6 }, { retentionDays: 366 }, { hour: 24 }, { hour: -1 }])('refuses %o', (props) => {
    expect(codeOf(() => backupIn(new DataStack(), props))).toBe('LNMT1002');
  });
});
