import fc from 'fast-check';
import type { ICloud } from 'lnmt';
import { Accelerator, GpuTrainingCluster, InferenceEndpoint, LnmtError } from 'lnmt';
import { AwsCloud } from 'lnmt/aws';
import type { SynthesizedApp } from 'lnmt/testing';
import { FakeCloud, synthApp } from 'lnmt/testing';
import { describe, expect, it } from 'vitest';
import { auth, clouds, manifestsOf, model, twoStacks } from './support';

/** DNS label. @see https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$/;
const DNS_LABEL_KINDS = new Set(['Namespace', 'Service']);

// Anything that a person may type, at any length: letters of other scripts, punctuation, spaces, emoji.
const names = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 200 }),
  fc.stringMatching(/^[A-Za-z0-9 ._-]{1,120}$/),
);

/** A description with the name everywhere, or undefined when the name was refused. */
function synthesize(cloud: ICloud, name: string): SynthesizedApp | undefined {
  try {
    return synthApp((app) => {
      const { workloads, platform } = twoStacks(app, cloud, { name });
      new InferenceEndpoint(workloads, 'endpoint', { platform, model, auth, name });
    });
  } catch (error) {
    if (LnmtError.isLnmtError(error) && error.code === 'LNMT1001') return undefined;
    throw error;
  }
}

describe.each(clouds)('names on %s', (target, make) => {
  it('of any length and charset give legal objects, or a coded refusal', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(names, (name) => {
        const app = synthesize(make(), name);
        // Refused only where nothing is left to work with.
        if (app === undefined) {
          expect(name).not.toMatch(/[a-z0-9]/i);
          return;
        }
        for (const { kind, object, source } of manifestsOf(app, 'ml-workloads')) {
          const metadata = object['metadata'] as { name: string; labels?: Record<string, string> };
          expect(metadata.name, source).toMatch(DNS_LABEL_KINDS.has(kind) ? LABEL : SUBDOMAIN);
          for (const value of Object.values(metadata.labels ?? {})) expect(value, source).toMatch(LABEL_VALUE);
        }
        for (const address of app.stacks.flatMap((stack) => stack.addresses())) {
          expect(address).toMatch(/^\w+\.[A-Za-z_][\w-]{0,254}$/);
        }
      }),
      { numRuns: target === 'FakeCloud' ? 40 : 8, seed: 20_261_124 },
    );
  });
});

/** What AWS accepts as the name of each type. */
const AWS_NAMES: Readonly<Record<string, readonly [argument: string, rule: RegExp]>> = {
  aws_eks_cluster: ['name', /^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/],
  aws_s3_bucket: ['bucket_prefix', /^[a-z0-9][a-z0-9.-]{0,36}$/],
  aws_iam_role: ['name', /^[\w+=,.@-]{1,64}$/],
  aws_db_instance: ['identifier', /^[a-z](?!.*--)[a-z0-9-]{0,61}[a-z0-9]$/],
  aws_dynamodb_table: ['name', /^[A-Za-z0-9_.-]{3,255}$/],
  aws_elasticache_replication_group: ['replication_group_id', /^[a-z](?!.*--)[a-z0-9-]{0,38}[a-z0-9]$/],
  aws_ecr_repository: ['name', /^(?=.{2,256}$)[a-z0-9]+([._/-][a-z0-9]+)*$/],
  aws_kms_alias: ['name', /^alias\/[\w/-]{1,250}$/],
  aws_backup_vault: ['name', /^[A-Za-z0-9_-]{2,50}$/],
  aws_sqs_queue: ['name', /^[\w-]{1,80}$/],
  aws_security_group: ['name', /^(?!sg-)[\w .:/()#,@[\]+=&;{}!$*-]{1,255}$/],
};

describe('names on AWS', () => {
  it('keep to the limits of each service', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(names, (name) => {
        const app = synthesize(new AwsCloud({ region: 'eu-west-1' }), name);
        for (const stack of app?.stacks ?? []) {
          for (const [type, [argument, rule]] of Object.entries(AWS_NAMES)) {
            for (const body of stack.resources(type)) {
              const value = body[argument];
              if (typeof value === 'string' && !value.includes('${')) expect(value, type).toMatch(rule);
            }
          }
        }
      }),
      { numRuns: 8, seed: 20_261_125 },
    );
  });

  it('are checked on resources that are there', () => {
    const app = synthesize(new AwsCloud({ region: 'eu-west-1' }), 'ml');
    const seen = Object.entries(AWS_NAMES).flatMap(([type, [argument]]) =>
      (app?.stacks ?? []).flatMap((stack) => stack.resources(type)).map((body) => [type, typeof body[argument]]),
    );
    for (const type of ['aws_eks_cluster', 'aws_iam_role', 'aws_db_instance', 'aws_ecr_repository', 'aws_kms_alias']) {
      expect(seen).toContainEqual([type, 'string']);
    }
  });
});

describe('different names', () => {
  it('never give the same endpoint, whatever is lost by lowering and replacing', () => {
    fc.assert(
      fc.property(fc.uniqueArray(names, { minLength: 2, maxLength: 4 }), (several) => {
        const made = several.flatMap((name) => {
          const app = synthesize(new FakeCloud(), name);
          return app === undefined ? [] : [deploymentName(app)];
        });
        expect(new Set(made).size).toBe(made.length);
      }),
      { numRuns: 8, seed: 20_261_126 },
    );
  });

  it('that differ in case, dashes and length only are told apart', () => {
    const similar = ['my-model', 'My-Model', 'my_model', 'my model', 'my--model', 'a'.repeat(80), 'a'.repeat(81)];
    const made = similar.map((name) => {
      const app = synthesize(new FakeCloud(), name);
      return app && deploymentName(app);
    });
    expect(new Set(made).size).toBe(similar.length);
    expect(made[0]).toBe('my-model');
  });
});

function deploymentName(app: SynthesizedApp): string {
  return manifestsOf(app, 'ml-workloads').find((object) => object.kind === 'Deployment')?.name ?? '';
}

it('a training cluster with a long name has legal objects too', () => {
  const app = synthApp((root) => {
    const { workloads, platform } = twoStacks(root, new AwsCloud({ region: 'us-east-1' }), { name: 'x'.repeat(90) });
    new GpuTrainingCluster(workloads, 'Große Sprachmodelle für alle '.repeat(6), {
      platform,
      accelerator: Accelerator.NVIDIA_H100,
      maxNodes: 1,
      sampleJob: {},
    });
  });
  const objects = manifestsOf(app, 'ml-workloads');
  expect(objects.filter((object) => object.kind === 'Job')).toHaveLength(1);
  for (const { name } of objects) expect(name).toMatch(SUBDOMAIN);
});
