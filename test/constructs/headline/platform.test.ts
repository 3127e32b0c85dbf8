import { Block, InferenceEndpoint, LnmtPlatform } from 'lnmt';
import type { ISecretStore, LnmtPlatformProps, SecretStoreOptions } from 'lnmt';
import { AwsCloud, EksCluster, S3ObjectStore, VpcNetwork } from 'lnmt/aws';
import { LnmtStack } from 'lnmt/stacks';
import type { SynthesizedApp } from 'lnmt/testing';
import { FakeCloud, synthApp } from 'lnmt/testing';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../support/manifests';
import type { Json } from '../../support/terraform-json';
import { at } from '../kubernetes/support';
import { access, auth, clouds, manifestsOf, model, site, twoStacks } from './support';

const BLOCKS = [
  'network',
  'cluster',
  'nodes',
  'encryptionKey',
  'modelStore',
  'fileStore',
  'database',
  'documentStore',
  'cache',
  'registry',
  'secretStore',
  'monitoring',
  'backup',
] as const;

function aws(props: Partial<LnmtPlatformProps> = {}): SynthesizedApp {
  return synthApp((app) => void twoStacks(app, new AwsCloud({ region: 'eu-west-1' }), props));
}

const list = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? (value as readonly Json[]) : []);

const namespaceOf = (selector: Json): string =>
  (at(selector, 'matchLabels') as Record<string, string>)['kubernetes.io/metadata.name'] ?? '';

/** Whether External Secrets lets an ExternalSecret of a namespace use the store: one of the conditions has to hold. */
function admitted(objects: readonly Manifest[], name: string): boolean {
  const find = (kind: string, of: string): Json | undefined =>
    objects.find((object) => object.kind === kind && object.name === of)?.object;
  const labels = (at(find('Namespace', name), 'metadata.labels') ?? {}) as Record<string, string>;
  const conditions = list(at(find('ClusterSecretStore', 'lnmt'), 'spec.conditions'));
  if (conditions.length === 0) return true;
  return conditions.some((condition) => {
    const wanted = at(condition, 'namespaceSelector.matchLabels') as Record<string, string> | undefined;
    const selected = wanted && Object.entries(wanted).every(([label, value]) => labels[label] === value);
    return (selected ?? false) || list(at(condition, 'namespaces')).includes(name);
  });
}

describe.each(clouds)('a platform with no more than its cloud and its access, on %s', (target, make) => {
  it('has every block that the target offers, and says which it left out', () => {
    synthApp((app) => {
      const { platform } = twoStacks(app, make());
      const missing = BLOCKS.filter((block) => platform[block] === undefined);
      expect(missing).toEqual(target === 'OnPremCloud' ? ['encryptionKey'] : []);
      expect(platform.skipped).toEqual(target === 'OnPremCloud' ? ['encryption-key'] : []);
      expect([platform.dns, platform.bastion]).toEqual([undefined, undefined]);
    });
  });

  it('has the same ids on every target, because ids are public contract', () => {
    synthApp((app) => {
      const { platform } = twoStacks(app, make());
      const ids = platform.node.children.map((child) => child.node.id);
      const offered = ['network', 'cluster', 'nodes', 'models', 'files', 'database', 'documents', 'cache', 'secrets'];
      expect(ids).toEqual(expect.arrayContaining([...offered, 'registry', 'monitoring', 'backup']));
    });
  });

  it('lets its secrets be read from its own namespaces, from those with a grant or that are named, and from no other', () => {
    const app = synthApp((root) => {
      const named = { secretStore: Block.create<SecretStoreOptions, ISecretStore>({ namespaces: ['team-a'] }) };
      const { workloads, platform } = twoStacks(root, make(), named);
      new InferenceEndpoint(workloads, 'digits', { platform, model, auth });
      const { cloud, cluster } = platform;
      const own = { cluster, namespace: 'team-b', serviceAccountName: 'reports', naming: ['ml', 'reports'] };
      platform.modelStore?.grants.read(cloud.security.workloadIdentity(workloads, 'reports', own));
    });
    const objects = manifestsOf(app, 'ml-workloads');
    const readers = objects.flatMap(({ kind, namespace = '', object }) => {
      if (kind === 'ClusterExternalSecret') return list(at(object, 'spec.namespaceSelectors')).map(namespaceOf);
      return kind === 'ExternalSecret' && at(object, 'spec.secretStoreRef') !== undefined ? [namespace] : [];
    });
    expect(readers).toContain('ml-inference');
    expect([...readers, 'team-a'].filter((name) => !admitted(objects, name))).toEqual([]);
    expect(['default', 'kube-system', 'stranger'].filter((name) => admitted(objects, name))).toEqual([]);
  });

  it('closes the namespaces of its workloads both ways, and holds them to the restricted standard', () => {
    const app = synthApp((root) => void twoStacks(root, make()));
    const objects = manifestsOf(app, 'ml-workloads');
    for (const namespace of ['ml-inference', 'ml-training']) {
      const labels = objects.find((object) => object.kind === 'Namespace' && object.name === namespace)?.object;
      expect(labels).toMatchObject({
        metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
      });
      const kinds = objects.filter((object) => object.namespace === namespace).map((object) => object.kind);
      expect(kinds).toEqual(expect.arrayContaining(['NetworkPolicy', 'ResourceQuota', 'LimitRange']));
    }
  });
});

describe('a block', () => {
  it('that is switched off brings neither resources nor add-ons', () => {
    const off = Block.off<never, never>();
    const app = aws({ cache: off, database: off, documentStore: off, fileStore: off, backup: off });
    for (const type of [
      'aws_elasticache_replication_group',
      'aws_db_instance',
      'aws_dynamodb_table',
      'aws_efs_file_system',
    ]) {
      expect(app.stack('ml-infra').addresses(type), type).toEqual([]);
    }
    expect(aws().stack('ml-infra').addresses('aws_db_instance')).toHaveLength(1);
  });

  it('that is created takes options over the defaults', () => {
    const app = aws({ database: Block.create({ storageGiB: 321, backupRetentionDays: 21 }) });
    expect(app.stack('ml-infra').only('aws_db_instance')).toMatchObject({
      allocated_storage: 321,
      backup_retention_period: 21,
      deletion_protection: true,
    });
  });

  it('that exists is adopted: nothing of its kind is created', () => {
    const app = synthApp((root) => {
      const infra = new LnmtStack(root, 'ml-infra');
      const region = 'eu-west-1';
      const network = VpcNetwork.fromVpc(infra, 'vpc', {
        vpcId: 'vpc-0123456789abcdef0',
        cidr: '10.20.0.0/16',
        privateSubnetIds: ['subnet-0aaaaaaaaaaaaaaaa', 'subnet-0bbbbbbbbbbbbbbbb'],
        region,
      });
      const cluster = EksCluster.fromCluster(infra, 'eks', {
        clusterName: 'existing',
        region,
        version: '1.36',
        subnetIds: network.privateSubnetIds,
        karpenterRoleName: 'existing-nodes',
      });
      const platform = new LnmtPlatform(infra, 'ml', {
        cloud: new AwsCloud({ region }),
        access,
        network: Block.existing(network),
        cluster: Block.existing(cluster),
        modelStore: Block.existing(S3ObjectStore.fromBucket(infra, 'bucket', { bucketName: 'models', region })),
      });
      platform.workloads(new LnmtStack(root, 'ml-workloads'));
    });
    const infra = app.stack('ml-infra');
    for (const type of ['aws_vpc', 'aws_subnet', 'aws_eks_cluster', 'aws_nat_gateway']) {
      expect(infra.addresses(type), type).toEqual([]);
    }
    expect(infra.addresses('aws_s3_bucket').filter((address) => address.includes('models'))).toEqual([]);
    expect(JSON.stringify(app.stack('ml-workloads').document)).toContain('get-token');
  });
});

describe('tearing down', () => {
  it('is possible only where the program says so: then nothing refuses', () => {
    const kept = JSON.stringify(aws().stack('ml-infra').document);
    const torn = JSON.stringify(aws({ onRemoval: 'destroy' }).stack('ml-infra').document);
    expect(kept).toContain('"prevent_destroy":true');
    expect(kept).toContain('"deletion_protection":true');
    expect(torn).not.toContain('"prevent_destroy":true');
    expect(torn).not.toContain('"deletion_protection":true');
  });
});

describe('the environment', () => {
  it('decides sizes and copies, not what there is', () => {
    const production = aws({ environment: 'production' }).stack('ml-infra');
    const development = aws({ environment: 'development' }).stack('ml-infra');
    expect(production.only('aws_db_instance')).toMatchObject({ multi_az: true });
    expect(development.only('aws_db_instance')).toMatchObject({ multi_az: false });
    expect(production.addresses('aws_nat_gateway')).toHaveLength(3);
    expect(development.addresses('aws_nat_gateway')).toHaveLength(1);
    for (const type of ['aws_kms_key', 'aws_eks_cluster', 'aws_dynamodb_table']) {
      expect(development.addresses(type)).toEqual(production.addresses(type));
    }
  });
});

describe('a synthesis that is repeated after a change', () => {
  it('gives what a first one would have given', () => {
    const build = (replicas: number): ReadonlyMap<string, string> =>
      synthApp((app) => {
        const { workloads, platform } = twoStacks(app, site());
        new InferenceEndpoint(workloads, 'digits', { platform, model, auth, modelCacheGiB: replicas });
      }).files;
    expect(build(5)).toEqual(build(5));
    expect(build(6)).not.toEqual(build(5));
  });
});

describe('a platform of a target with a fault', () => {
  it('raises it at construction', () => {
    const cloud = new FakeCloud();
    cloud.failOn('data.cache', new Error('quota'));
    expect(() => synthApp((app) => void twoStacks(app, cloud))).toThrow('quota');
  });
});
