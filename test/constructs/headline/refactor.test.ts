import { Construct } from 'constructs';
import type { App } from 'cdktf';
import { Accelerator, GpuTrainingCluster, LnmtPlatform, moved } from 'lnmt';
import { AwsCloud, KmsKey, S3ObjectStore } from 'lnmt/aws';
import { LnmtStack } from 'lnmt/stacks';
import type { SynthesizedStack } from 'lnmt/testing';
import { synthApp } from 'lnmt/testing';
import { describe, expect, it } from 'vitest';
import { access, images } from './support';

const aws = (): AwsCloud => new AwsCloud({ region: 'eu-west-1' });

/** What a plan must never replace. */
const KEPT = [
  'aws_backup_vault',
  'aws_db_instance',
  'aws_dynamodb_table',
  'aws_ecr_repository',
  'aws_efs_file_system',
  'aws_eks_cluster',
  'aws_elasticache_replication_group',
  'aws_kms_key',
  'aws_s3_bucket',
];

function kept(stack: SynthesizedStack): readonly string[] {
  return KEPT.flatMap((type) => stack.addresses(type)).sort();
}

/** Physical names of everything in {@link KEPT}: another one would replace the resource although its address stays. */
function names(stack: SynthesizedStack): readonly unknown[] {
  const name = ['name', 'identifier', 'bucket', 'bucket_prefix', 'replication_group_id', 'creation_token'];
  return kept(stack).map((address) => [address, ...name.map((argument) => stack.at(address)?.[argument])]);
}

function synth(build: (app: App) => void, stack = 'ml-infra'): SynthesizedStack {
  return synthApp(build).stack(stack);
}

describe('a refactor', () => {
  const before = synth((app) => {
    new LnmtPlatform(new LnmtStack(app, 'ml-infra'), 'ml', { cloud: aws(), access });
  });

  it('starts from a platform with buckets, databases, tables, keys and a cluster', () => {
    for (const type of KEPT) expect(before.addresses(type).length, type).toBeGreaterThan(0);
  });

  it('that moves the platform below another construct keeps every bucket, database and key', () => {
    const after = synth((app) => {
      const team = new Construct(new Construct(new LnmtStack(app, 'ml-infra'), 'research'), 'team');
      new LnmtPlatform(team, 'ml', { cloud: aws(), access });
    });
    expect(kept(after)).toEqual(kept(before));
    expect(names(after)).toEqual(names(before));
  });

  it('that renames the construct, and not the platform, keeps every bucket, database and key', () => {
    const after = synth((app) => {
      new LnmtPlatform(new LnmtStack(app, 'ml-infra'), 'production', { name: 'ml', cloud: aws(), access });
    });
    expect(kept(after)).toEqual(kept(before));
    expect(names(after)).toEqual(names(before));
  });

  it('that renames the stack keeps all but the bucket of access logs, which is one a stack', () => {
    const after = synth((app) => {
      new LnmtPlatform(new LnmtStack(app, 'renamed'), 'ml', { cloud: aws(), access });
    }, 'renamed');
    const own = (stack: SynthesizedStack): unknown =>
      names(stack).filter((row) => !JSON.stringify(row).includes('access_logs'));
    expect(kept(after)).toEqual(kept(before));
    expect(own(after)).toEqual(own(before));
  });

  it('that adds tags, an environment or another block touches no address', () => {
    const after = synth((app) => {
      new LnmtPlatform(new LnmtStack(app, 'ml-infra'), 'ml', {
        cloud: aws(),
        access,
        environment: 'staging',
        tags: { team: 'research' },
      });
    });
    expect(kept(after)).toEqual(kept(before));
  });

  it('that moves a training cluster keeps its checkpoints', () => {
    const trainers = (below: (stack: LnmtStack) => Construct): SynthesizedStack =>
      synth((app) => {
        const platform = new LnmtPlatform(new LnmtStack(app, 'ml-infra'), 'ml', { cloud: aws(), access, images });
        const stack = new LnmtStack(app, 'ml-workloads');
        platform.workloads(stack);
        new GpuTrainingCluster(below(stack), 'trainers', {
          platform,
          accelerator: Accelerator.NVIDIA_H100,
          maxNodes: 1,
        });
      }, 'ml-workloads');
    const one = trainers((stack) => stack);
    const other = trainers((stack) => new Construct(stack, 'research'));
    expect(one.addresses('aws_s3_bucket').length).toBeGreaterThan(0);
    expect(kept(other)).toEqual(kept(one));
    expect(names(other)).toEqual(names(one));
  });
});

describe('blocks that are used alone', () => {
  const blocks = (stack: LnmtStack, scope: Construct): void => {
    aws().bind(stack, {});
    const context = { region: 'eu-west-1' };
    const encryptionKey = new KmsKey(scope, 'key', { naming: ['ml', 'own'], description: 'own', ...context });
    new S3ObjectStore(scope, 'store', { naming: ['ml', 'own'], encryptionKey, ...context });
  };

  it('keep their addresses when they move', () => {
    const one = synth((app) => {
      const stack = new LnmtStack(app, 'ml-infra');
      blocks(stack, stack);
    });
    const other = synth((app) => {
      const stack = new LnmtStack(app, 'ml-infra');
      blocks(stack, new Construct(stack, 'below'));
    });
    expect(one.addresses('aws_kms_key')).toHaveLength(1);
    expect(kept(other)).toEqual(kept(one));
  });
});

describe('a rename of the platform', () => {
  const rename = (app: App): void => {
    const infra = new LnmtStack(app, 'ml-infra');
    new LnmtPlatform(infra, 'research', { cloud: aws(), access });
    moved(infra, 'aws_kms_key.ml_platform', 'aws_kms_key.research_platform');
    moved(infra, 'aws_s3_bucket.ml_models', 'aws_s3_bucket.research_models');
  };

  it('is told to Terraform with moved blocks, from addresses that were to addresses that are', () => {
    const before = synth((app) => {
      new LnmtPlatform(new LnmtStack(app, 'ml-infra'), 'ml', { cloud: aws(), access });
    });
    const after = synth(rename);
    const blocks = after.document['moved'] as readonly { readonly from: string; readonly to: string }[];
    expect(blocks).toHaveLength(2);
    for (const { from, to } of blocks) {
      expect(before.at(from), from).toBeDefined();
      expect(after.at(from), from).toBeUndefined();
      expect(after.at(to), to).toBeDefined();
    }
  });
});
