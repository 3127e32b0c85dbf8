import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chartsOf, manifestsOf, releasesOf, renderChart } from '../support/charts';
import { exampleNames } from '../support/examples';
import { checkTerraformFile } from '../support/jsii-check';
import { checkManifests } from '../support/kubernetes-check';
import { filesBelow } from '../support/manifests';
import { checkPodSecurity } from '../support/pod-security';
import { blocksOf, isObject, objectOf, readTerraform, stacksOf, textOf } from '../support/terraform-json';
import type { Block, JsonObject } from '../support/terraform-json';

const root = path.resolve(__dirname, '../..');
const examples = exampleNames();
const PROGRAM = 'test/examples/synthesize-all.ts';
/** What a checkout needs in order to synthesize the examples. */
const SOURCES = ['constructs', 'stacks', 'runtime/contract', 'examples', 'test/support', PROGRAM, 'tsconfig.json'];

let base: string;
let here: string;
let elsewhere: string;

beforeAll(async () => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-example-runs-'));
  here = path.join(base, 'first');
  elsewhere = path.join(base, 'a second one');
  await Promise.all([
    synthesize(root, here, { TZ: 'Pacific/Kiritimati', LANG: 'C', LC_ALL: 'C' }),
    synthesize(copyOfSources(), elsewhere, { TZ: 'America/Adak', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' }),
  ]);
}, 180_000);

afterAll(() => {
  fs.rmSync(base, { recursive: true, force: true });
});

async function synthesize(checkout: string, outdir: string, env: Readonly<Record<string, string>>): Promise<void> {
  const cwd = fs.mkdtempSync(path.join(base, 'cwd-'));
  await promisify(execFile)(
    process.execPath,
    ['--import', require.resolve('tsx'), path.join(checkout, PROGRAM), outdir],
    { cwd, env: { PATH: process.env['PATH'], TSX_TSCONFIG_PATH: path.join(checkout, 'tsconfig.json'), ...env } },
  );
}

function copyOfSources(): string {
  const copy = path.join(base, 'another checkout');
  for (const source of SOURCES) {
    fs.cpSync(path.join(root, source), path.join(copy, source), { recursive: true });
  }
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
  return copy;
}

it('the examples that the README names are there', () => {
  expect(examples).toEqual(
    expect.arrayContaining([
      'aws-inference',
      'aws-training',
      'custom-stack',
      'gitops-argocd',
      'gitops-flux',
      'multi-cloud',
      'onprem',
    ]),
  );
});

describe.each(examples)('example %s', (name) => {
  const outdir = (): string => path.join(here, name);

  it('gives the same bytes in another directory, time zone and locale', () => {
    const files = filesBelow(outdir());
    expect(files.length).toBeGreaterThan(2);
    expect(filesBelow(path.join(elsewhere, name))).toEqual(files);
    for (const file of files) {
      const [one, other] = [outdir(), path.join(elsewhere, name)].map((dir) => fs.readFileSync(path.join(dir, file)));
      expect(one?.equals(other ?? Buffer.alloc(0)), file).toBe(true);
    }
  });

  it('writes no path and no name of the machine', () => {
    const own = [root, base, process.cwd(), os.homedir() === '/root' ? '/root/' : os.homedir()];
    const host = new RegExp(`(^|[^a-z0-9-])${os.hostname()}([^a-z0-9-]|$)`, 'i');
    for (const file of filesBelow(outdir())) {
      const text = fs.readFileSync(path.join(outdir(), file), 'utf8');
      for (const secret of own) expect(text.includes(secret), `${file} holds ${secret}`).toBe(false);
      if (os.hostname().length > 4) expect(host.test(text), `${file} holds the host name`).toBe(false);
    }
  });

  it('leaves no token behind, and puts no account and no secret into what is committed to git', () => {
    for (const file of filesBelow(outdir())) {
      const text = fs.readFileSync(path.join(outdir(), file), 'utf8');
      expect(text, file).not.toContain('TfToken[');
      if (!file.startsWith('gitops')) continue;
      expect(text, file).not.toMatch(/(^|[^\w-])\d{12}([^\w-]|$)|arn:aws:[\w-]+:[\w-]*:\d/);
      expect(text, file).not.toMatch(/^kind: Secret$/m);
    }
  });

  it('writes Terraform that the bindings accept', () => {
    const stacks = stacksOf(outdir());
    expect(stacks.length).toBeGreaterThanOrEqual(2);
    expect(stacks.flatMap((stack) => checkTerraformFile(stack.file, { newerThanBindings: NEWER }).faults)).toEqual([]);
  });

  it('writes Kubernetes objects that their schemas accept', async () => {
    const manifests = manifestsOf(outdir());
    expect(manifests.length).toBeGreaterThan(5);
    const { faults, unmodelled } = await checkManifests(manifests);
    expect(faults).toEqual([]);
    expect(unmodelled.filter((kind) => !UNMODELLED.has(kind))).toEqual([]);
  });

  it('runs every pod of ours under the restricted standard', () => {
    expect(checkPodSecurity(manifestsOf(outdir())).faults).toEqual([]);
  });

  it('names every add-on namespace that is less than restricted, with the reason', () => {
    const namespaces = manifestsOf(outdir()).filter((manifest) => manifest.kind === 'Namespace');
    for (const { name: namespace, object } of namespaces) {
      const { labels, annotations } = objectOf(object['metadata']);
      const level = textOf(objectOf(labels)['pod-security.kubernetes.io/enforce']);
      expect(['restricted', 'baseline', 'privileged'], namespace).toContain(level);
      if (level !== 'restricted') {
        expect(textOf(objectOf(annotations)['lnmt.dev/pod-security-reason']), namespace).not.toBe('');
      }
    }
  });

  it('installs its layers in order, each generated chart from the folder that holds it', () => {
    const layerOf = (release: string): string => /-(\d\d-[a-z]+)/.exec(release)?.[1] ?? '';
    for (const stack of stacksOf(outdir())) {
      const layers = releasesOf(outdir())
        .filter((release) => release.stack === stack.name)
        .map((release) => layerOf(textOf(release.body['name'])))
        .filter((layer) => layer !== '');
      expect(layers).toEqual([...layers].sort());
    }
    const generated = releasesOf(outdir()).filter(({ body }) => textOf(body['chart']).startsWith('./'));
    for (const { stack, body } of generated) {
      const folder = path.join(outdir(), 'stacks', stack, textOf(body['chart']));
      expect(fs.existsSync(path.join(folder, 'Chart.yaml')), folder).toBe(true);
    }
    for (const chart of chartsOf(outdir())) expect(renderChart(chart).length, chart.folder).toBeGreaterThan(0);
  });

  it('guards everything that holds data against removal, in Terraform and in the cloud', () => {
    for (const { address, type, body } of resourcesOf(outdir())) {
      const protection = STATEFUL[type];
      if (protection === undefined || REBUILT.test(address)) continue;
      expect(objectOf(body['lifecycle'])['prevent_destroy'], address).toBe(true);
      if (protection !== '') expect(body[protection], address).toBe(true);
    }
  });

  it('leaves databases in the cluster behind when their release is removed, whatever installed it', () => {
    for (const { kind, name: database, object } of manifestsOf(outdir())) {
      if (!DATABASES.has(kind)) continue;
      expect(objectOf(object['metadata'])['annotations'], `${kind} ${database}`).toMatchObject({
        'helm.sh/resource-policy': 'keep',
        'kustomize.toolkit.fluxcd.io/prune': 'disabled',
        'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
      });
    }
  });

  it('tags everything by default with platform, environment and manager', () => {
    for (const { file } of stacksOf(outdir())) {
      for (const provider of [readTerraform(file).provider?.['aws'] ?? []].flat()) {
        const tags = [isObject(provider) ? (provider['default_tags'] ?? []) : []].flat()[0];
        expect(objectOf(objectOf(tags)['tags'])).toMatchObject({
          'lnmt-platform': expect.any(String) as string,
          'lnmt-environment': expect.stringMatching(/^(production|staging|development)$/) as string,
          'managed-by': 'lnmt',
        });
      }
    }
  });

  it('uses provider versions in a range, and a Terraform that knows what is written', () => {
    for (const { file } of stacksOf(outdir())) {
      const terraform = readTerraform(file).terraform ?? {};
      for (const [provider, settings] of Object.entries(objectOf(terraform['required_providers']))) {
        expect(textOf(objectOf(settings)['version']), provider).toMatch(/^>= \S+, < \S+$/);
      }
    }
  });
});

/** Arguments that are newer than the frozen bindings, set on purpose. */
const NEWER: readonly string[] = [];

/** Kinds of operators for which no npm package has a schema; the integration suite `schemas` judges them. */
const UNMODELLED = new Set([
  'kueue.x-k8s.io/v1beta2/ClusterQueue',
  'kueue.x-k8s.io/v1beta2/LocalQueue',
  'kueue.x-k8s.io/v1beta2/ResourceFlavor',
  'mongodbcommunity.mongodb.com/v1/MongoDBCommunity',
  'postgresql.cnpg.io/v1/Cluster',
  'serving.kserve.io/v1alpha1/ClusterServingRuntime',
]);

/** Kinds whose removal would take data along. */
const DATABASES = new Set(['Cluster', 'MongoDBCommunity', 'ObjectBucketClaim', 'StatefulSet']);

/** Types that hold data, and the argument with which the cloud itself refuses to delete them, where it has one. */
const STATEFUL: Readonly<Record<string, string>> = {
  aws_backup_vault: '',
  aws_db_instance: 'deletion_protection',
  aws_dynamodb_table: 'deletion_protection_enabled',
  aws_ecr_repository: '',
  aws_efs_file_system: '',
  aws_eks_cluster: 'deletion_protection',
  aws_elasticache_replication_group: '',
  aws_fsx_lustre_file_system: '',
  aws_kms_key: '',
  aws_route53_zone: '',
  aws_s3_bucket: '',
  aws_secretsmanager_secret: '',
};

/** What is rebuilt and not restored: scratch, and the keys of logs, which go with the platform that wrote them. */
const REBUILT = /^(aws_fsx_lustre_file_system\.\w+_scratch|aws_kms_key\.\w+_logs_key)(_[0-9a-f]{10})?$/;

function resourcesOf(outdir: string): (Block & { readonly body: JsonObject })[] {
  return stacksOf(outdir).flatMap(({ file }) =>
    blocksOf(readTerraform(file)).filter((block) => block.section === 'resource'),
  );
}
