import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DATABASE_CLASSES, selectClass } from '../../../constructs/aws/instance-classes';
import { RdsDatabase } from '../../../constructs/aws/relational-database';
import type { RelationalDatabaseProps } from '../../../constructs/cloud/relational-database';
import { DataStack, codeOf } from './data-stack';

const KEY = 'arn:aws:kms:eu-west-1:111122223333:key/k';

function databaseIn(data: DataStack, props: Partial<RelationalDatabaseProps> = {}): RdsDatabase {
  return new RdsDatabase(data.stack, 'database', {
    ...data.common,
    naming: ['ml', 'database'],
    encryptionKey: data.key(),
    ...props,
  });
}

describe('RdsDatabase', () => {
  it('is encrypted with the key everywhere, private and in two zones', () => {
    const data = new DataStack();
    databaseIn(data);
    expect(data.only('aws_db_instance')).toMatchObject({
      identifier: 'ml-database',
      engine: 'postgres',
      engine_version: '17',
      instance_class: 'db.m7g.large',
      storage_encrypted: true,
      kms_key_id: KEY,
      publicly_accessible: false,
      multi_az: true,
      performance_insights_enabled: true,
      performance_insights_kms_key_id: KEY,
      ca_cert_identifier: 'rds-ca-rsa2048-g1',
      auto_minor_version_upgrade: true,
      copy_tags_to_snapshot: true,
      monitoring_interval: 60,
      iam_database_authentication_enabled: true,
    });
    for (const group of Object.values(data.resources('aws_cloudwatch_log_group'))) {
      expect(group).toMatchObject({ kms_key_id: KEY, retention_in_days: 365 });
    }
  });

  it('waits for its log groups and for the permission of its monitoring role', () => {
    const data = new DataStack();
    databaseIn(data);
    const waits = data.only('aws_db_instance')['depends_on'] as readonly string[];
    expect(waits.map((one) => one.split('.')[0])).toEqual([
      'aws_cloudwatch_log_group',
      'aws_cloudwatch_log_group',
      'aws_iam_role_policy_attachment',
    ]);
  });

  it('keeps no password in state: RDS makes it under the key', () => {
    const data = new DataStack();
    const database = databaseIn(data);
    const instance = data.only('aws_db_instance');
    expect(instance).toMatchObject({ manage_master_user_password: true, master_user_secret_kms_key_id: KEY });
    expect(instance['password']).toBeUndefined();
    expect(database.credentials.externalKey).toMatch(/^\$\{TfToken/);
  });

  it('survives its own removal: pinned, protected, with backups of 14 days and a final snapshot', () => {
    const data = new DataStack();
    databaseIn(data);
    expect(data.resources('aws_db_instance')['ml_database']).toMatchObject({
      deletion_protection: true,
      skip_final_snapshot: false,
      final_snapshot_identifier: 'ml-database-final',
      backup_retention_period: 14,
      delete_automated_backups: false,
      lifecycle: { prevent_destroy: true },
    });
  });

  it('can be torn down only when asked', () => {
    const data = new DataStack();
    databaseIn(data, { onRemoval: 'destroy' });
    const instance = data.only('aws_db_instance');
    expect(instance).toMatchObject({ deletion_protection: false, skip_final_snapshot: true });
    expect(instance['lifecycle']).toBeUndefined();
    expect(instance['final_snapshot_identifier']).toBeUndefined();
  });

  it('forces TLS and logs changes of the schema and slow statements', () => {
    const data = new DataStack();
    databaseIn(data, { version: '16' });
    expect(data.only('aws_db_parameter_group')).toMatchObject({
      family: 'postgres16',
      parameter: [
        { name: 'rds.force_ssl', value: '1' },
        { name: 'log_statement', value: 'ddl' },
        { name: 'log_min_duration_statement', value: '1000' },
      ],
      lifecycle: { create_before_destroy: true },
    });
  });

  it('is reached from the nodes on one port only', () => {
    const data = new DataStack();
    const database = databaseIn(data);
    expect(data.only('aws_vpc_security_group_ingress_rule')).toMatchObject({ from_port: 5432, to_port: 5432 });
    expect(data.only('aws_db_subnet_group')['subnet_ids']).toEqual(['subnet-a', 'subnet-b', 'subnet-c']);
    expect(database.egress).toMatchObject([{ cidrs: ['10.0.0.0/16'], ports: [{ port: 5432, protocol: 'TCP' }] }]);
  });

  it('chooses the smallest class that holds the request, and a larger request never gets a smaller one', () => {
    const need = fc.record({ vcpus: fc.integer({ min: 1, max: 64 }), memoryGiB: fc.integer({ min: 1, max: 256 }) });
    const rank = (name: string): number => DATABASE_CLASSES.findIndex((one) => one.name === name);
    fc.assert(
      fc.property(need, fc.nat(8), (small, more) => {
        const chosen = DATABASE_CLASSES[rank(selectClass(undefined, 'x', DATABASE_CLASSES, small))];
        expect(chosen?.vcpus).toBeGreaterThanOrEqual(small.vcpus);
        expect(chosen?.memoryGiB).toBeGreaterThanOrEqual(small.memoryGiB);
        const larger = { ...small, memoryGiB: small.memoryGiB + more };
        expect(rank(selectClass(undefined, 'x', DATABASE_CLASSES, larger))).toBeGreaterThanOrEqual(
          rank(chosen?.name ?? ''),
        );
      }),
    );
  });

  it.each([
    [{ memoryGiB: 513 }, 'LNMT2102'],
    [{ vcpus: 65 }, 'LNMT2102'],
    [{ vcpus: 0 }, 'LNMT1002'],
    [{ storageGiB: 19 }, 'LNMT1002'],
    [{ storageGiB: 16385 }, 'LNMT1002'],
    [{ backupRetentionDays: 13 }, 'LNMT1002'],
    [{ backupRetentionDays: 36 }, 'LNMT1002'],
    [{ version: '15' as '16' }, 'LNMT1016'],
    [{ databaseName: 'my-db' }, 'LNMT2106'],
    [{ databaseName: '1db' }, 'LNMT2106'],
    [{ databaseName: 'x'.repeat(64) }, 'LNMT2106'],
  ])('refuses %o with %s', (props, code) => {
    expect(codeOf(() => databaseIn(new DataStack(), props))).toBe(code);
  });

  it('adopts an instance without creating anything', () => {
    const data = new DataStack();
    const existing = {
      host: 'db.example.internal',
      databaseName: 'models',
      databaseArn: 'arn:aws:rds:eu-west-1:111122223333:db:old',
      cidr: '10.1.0.0/16',
    };
    expect(data.added(() => RdsDatabase.fromInstance(data.stack, 'old', existing))).toEqual([]);
    expect(RdsDatabase.fromInstance(data.stack, 'again', existing)).toMatchObject({
      host: 'db.example.internal',
      port: 5432,
      egress: [{ cidrs: ['10.1.0.0/16'] }],
    });
  });

  it('refuses to adopt by an ARN of another service', () => {
    const existing = { host: 'h', databaseName: 'd', databaseArn: 'arn:aws:s3:::b', cidr: '10.0.0.0/8' };
    expect(codeOf(() => RdsDatabase.fromInstance(new DataStack().stack, 'old', existing))).toBe('LNMT2100');
  });
});
