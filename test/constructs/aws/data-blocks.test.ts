import { describe, expect, it } from 'vitest';
import { AwsBackup } from '../../../constructs/aws/backup';
import { ElasticacheCache } from '../../../constructs/aws/cache';
import { EcrRegistry } from '../../../constructs/aws/container-registry';
import { Route53Zone } from '../../../constructs/aws/dns-zone';
import { DynamoDocumentStore } from '../../../constructs/aws/document-store';
import { KmsKey } from '../../../constructs/aws/encryption-key';
import { EfsFileStore } from '../../../constructs/aws/file-store';
import { CloudWatchMonitoring } from '../../../constructs/aws/monitoring';
import { S3ObjectStore } from '../../../constructs/aws/object-store';
import { LustreFileStore } from '../../../constructs/aws/parallel-file-store';
import { RdsDatabase } from '../../../constructs/aws/relational-database';
import { SecretsManagerSecret } from '../../../constructs/aws/secret';
import { SecretsManagerStore } from '../../../constructs/aws/secret-store';
import type { RemovalPolicy } from '../../../constructs/stateful';
import { checkTerraform } from '../../support/jsii-check';
import { checkManifests } from '../../support/kubernetes-check';
import { manifestOf } from '../../support/manifests';
import { blocksOf } from '../../support/terraform-json';
import type { Json } from '../../support/terraform-json';
import { DataStack, REGION, manifestsOf, statementsOf } from './data-stack';

const STATEFUL = [
  'aws_backup_vault',
  'aws_db_instance',
  'aws_dynamodb_table',
  'aws_ecr_repository',
  'aws_efs_file_system',
  'aws_elasticache_replication_group',
  'aws_fsx_lustre_file_system',
  'aws_kms_key',
  'aws_route53_zone',
  'aws_s3_bucket',
  'aws_secretsmanager_secret',
];

/** One of each block, with everything switched on. */
function everything(props: { readonly withKey: boolean; readonly onRemoval: RemovalPolicy }) {
  const data = new DataStack();
  const { stack } = data;
  const key = new KmsKey(stack, 'made', { naming: ['ml', 'data'], description: 'd', region: REGION, ...props });
  const common = { ...data.common, ...props, ...(props.withKey ? { encryptionKey: key } : {}) };
  const store = new S3ObjectStore(stack, 'models', { ...common, naming: ['ml', 'models'] });
  const files = new EfsFileStore(stack, 'files', { ...common, naming: ['ml', 'files'] });
  const scratch = new LustreFileStore(stack, 'scratch', { ...common, naming: ['ml', 'scratch'], linkedStore: store });
  scratch.claim('training');
  const database = new RdsDatabase(stack, 'database', { ...common, naming: ['ml', 'database'] });
  const documents = new DynamoDocumentStore(stack, 'documents', { ...common, naming: ['ml', 'documents'] });
  const cache = new ElasticacheCache(stack, 'cache', { ...common, naming: ['ml', 'cache'] });
  new SecretsManagerSecret(stack, 'secret', { ...common, naming: ['ml', 'keys'], description: 'd' });
  const secrets = new SecretsManagerStore(stack, 'secrets', { ...common, platform: 'ml', naming: ['ml'] });
  new EcrRegistry(stack, 'images', { ...common, naming: ['ml'], repositories: ['inference'] });
  const monitoring = new CloudWatchMonitoring(stack, 'monitoring', { ...common, naming: ['ml'] });
  new AwsBackup(stack, 'backup', { ...common, naming: ['ml'], targets: [store, files, database, documents] });
  new Route53Zone(stack, 'zone', { ...common, naming: ['ml', 'zone'], domainName: 'ml.example.com', dnssec: true });
  const identity = data.identity();
  store.grants.readWrite(identity);
  documents.grants.readWrite(identity);
  cache.grants.connect(identity);
  return { data, parts: [files, scratch, secrets, monitoring].map((block) => block.kubernetes) };
}

describe('all data blocks of AWS together', () => {
  it.each([
    { withKey: true, onRemoval: 'retain' },
    { withKey: false, onRemoval: 'destroy' },
  ] as const)('say only what the bindings of the provider know (%o)', (props) => {
    const verdict = checkTerraform(everything(props).data.document());
    expect(verdict.faults).toEqual([]);
    expect(verdict.checked).toBeGreaterThan(90);
  });

  it('keep everything stateful, and give all of it up when asked', () => {
    const kept = (onRemoval: RemovalPolicy) =>
      blocksOf(everything({ withKey: true, onRemoval }).data.document())
        .filter((block) => block.section === 'resource' && STATEFUL.includes(block.type))
        .filter((block) => JSON.stringify(block.body['lifecycle'] ?? {}).includes('"prevent_destroy":true'))
        .map((block) => block.type);
    expect([...new Set(kept('retain'))].sort()).toEqual(STATEFUL);
    expect(kept('destroy')).toEqual([]);
  });

  it('encrypt every log group that is in the region of the key', () => {
    const { data } = everything({ withKey: true, onRemoval: 'retain' });
    const bare = Object.values(data.resources('aws_cloudwatch_log_group')).filter((group) => !group['kms_key_id']);
    expect(bare.map((group) => group['region'])).toEqual(['us-east-1']);
  });

  it('allow no identity every action, nor an action on everything that knows resources', () => {
    const { data } = everything({ withKey: true, onRemoval: 'retain' });
    const statements = Object.values(data.resources('aws_iam_role_policy')).flatMap((policy) => statementsOf(policy));
    expect(JSON.stringify(statements.map((one) => one['Action']))).not.toContain('*');
    const everywhere = statements.filter((one) => JSON.stringify(one['Resource']) === '["*"]');
    expect(everywhere.flatMap((one) => one['Action']).sort()).toEqual([
      'cloudwatch:PutMetricData',
      'ec2:DescribeAvailabilityZones',
      'ec2:DescribeTags',
      'ec2:DescribeVolumes',
      'logs:DescribeLogGroups',
    ]);
  });

  it('describe every rule of every security group, and open none to a range of addresses', () => {
    const { data } = everything({ withKey: true, onRemoval: 'retain' });
    const rules = ['ingress', 'egress'].flatMap((way) =>
      Object.values(data.resources(`aws_vpc_security_group_${way}_rule`)),
    );
    expect(rules.length).toBeGreaterThan(5);
    for (const rule of rules) {
      expect(rule['description']).toBeTruthy();
      expect(rule['referenced_security_group_id']).toBeTruthy();
      expect(rule['cidr_ipv4']).toBeUndefined();
    }
  });

  it('bring objects into the cluster that Kubernetes and External Secrets know', async () => {
    const { parts } = everything({ withKey: true, onRemoval: 'retain' });
    const manifests = parts.flatMap(manifestsOf).map((object) => manifestOf(object as Json, 'aws'));
    const verdict = await checkManifests(manifests);
    expect(verdict).toMatchObject({ faults: [], unmodelled: [], checked: 4 });
  });
});
