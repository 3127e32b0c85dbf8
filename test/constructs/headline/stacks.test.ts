import { TerraformOutput } from 'cdktf';
import { Accelerator, Block, Delivery, GpuTrainingCluster, InferenceEndpoint, Scaling } from 'lnmt';
import { AwsCloud } from 'lnmt/aws';
import { LnmtStack, PlatformStacks, StateBackend } from 'lnmt/stacks';
import { FakeCloud, synthApp } from 'lnmt/testing';
import { describe, expect, it } from 'vitest';
import { access, auth, clouds, images, manifestsOf, model, site, twoStacks } from './support';

interface ManifestFile {
  readonly stacks: Readonly<Record<string, { readonly dependencies: readonly string[] }>>;
}

describe.each(clouds)('PlatformStacks on %s', (_, make) => {
  const app = synthApp((root) => {
    new PlatformStacks(root, 'ml', {
      cloud: make(),
      platform: { access },
      endpoints: [{ id: 'digits', model, auth }],
      images,
    });
  });
  const order = JSON.parse(app.files.get('manifest.json') ?? '{}') as ManifestFile;

  it('makes two stacks that are applied in order', () => {
    expect(app.stacks.map((stack) => stack.name)).toEqual(['ml-infra', 'ml-workloads']);
    expect(order.stacks['ml-infra']?.dependencies).toEqual([]);
    expect(order.stacks['ml-workloads']?.dependencies).toEqual(['ml-infra']);
  });

  it('refers forward only: no stack reads the state of one that is applied after it', () => {
    const text = (name: string): string => app.files.get(`stacks/${name}/cdk.tf.json`) ?? '';
    expect(text('ml-infra')).not.toContain('terraform_remote_state');
  });

  it('puts no Helm release into the infrastructure, and no cloud block into the workloads but identities and checks', () => {
    expect(app.stack('ml-infra').addresses('helm_release')).toEqual([]);
    expect(app.stack('ml-workloads').addresses('helm_release').length).toBeGreaterThan(3);
  });

  it('says what a person does next', () => {
    expect(Object.keys(app.stack('ml-infra').outputs)).toEqual(
      expect.arrayContaining(['cluster_name', 'kubeconfig_command', 'model_store']),
    );
    expect(app.stack('ml-workloads').outputs).toMatchObject({
      endpoint_digits_port_forward: { value: 'kubectl -n ml-inference port-forward service/digits 8080:8080' },
      endpoint_digits_curl: { value: expect.stringContaining('/v2/models/digits') as string },
    });
  });

  it('says how nodes that exist become those of a pool, where nothing else labels them', () => {
    const { nodes_general_label_command: command } = app.stack('ml-infra').outputs;
    if (_ !== 'OnPremCloud') return expect(command).toBeUndefined();
    expect(command).toMatchObject({
      value: 'kubectl label nodes NODE… --overwrite lnmt.dev/node-pool=general',
    });
  });

  it('checks that the model is there before the first release, where the target can be asked', () => {
    const releases = app.stack('ml-workloads').resources('helm_release');
    const guarded = releases.filter((release) => JSON.stringify(release).includes('LNMT1017'));
    expect(guarded.length).toBe(_ === 'OnPremCloud' ? 0 : 1);
    for (const { lifecycle, depends_on: after } of guarded) {
      expect(lifecycle).toMatchObject({
        precondition: [{ error_message: expect.stringContaining('lnmt model push') as string }],
      });
      expect(JSON.stringify(after ?? [])).not.toContain('helm_release.');
    }
  });
});

it('the workloads of a site say how nodes become those of a pool that an endpoint or a training cluster has for itself', () => {
  const accelerator = Accelerator.NVIDIA_L4;
  const shape = { accelerator, vcpus: 8, memoryGiB: 32 };
  const row = (pool: string) => ({ pool, shape, count: 2, labels: { rack: pool } });
  const app = synthApp((root) => {
    new PlatformStacks(root, 'ml', {
      cloud: site([row('digits'), row('trainers')]),
      platform: { access },
      endpoints: [
        { id: 'digits', model, auth, accelerator, scaling: Scaling.fixed(1) },
        { id: 'small', model, auth },
      ],
      training: [{ id: 'trainers', accelerator, gpusPerNode: 1, maxNodes: 2 }],
      images,
    });
  });
  const commands = Object.entries(app.stack('ml-workloads').outputs).filter(([name]) => name.endsWith('label_command'));
  expect(commands.map(([name]) => name).sort()).toEqual(['nodes_digits_label_command', 'nodes_trainers_label_command']);
  expect(commands[0]?.[1]).toMatchObject({
    value: expect.stringMatching(/--selector rack=digits .*node-pool=digits .*kubectl taint nodes/) as string,
  });
});

describe('an endpoint in a stack of its own', () => {
  const app = synthApp((root) => {
    const { platform } = twoStacks(root, new AwsCloud({ region: 'eu-west-1' }));
    const team = new LnmtStack(root, 'team-a');
    new InferenceEndpoint(team, 'ranking', { platform, model, auth });
  });

  it('depends on both stacks of its platform', () => {
    const { stacks } = JSON.parse(app.files.get('manifest.json') ?? '{}') as ManifestFile;
    expect([...(stacks['team-a']?.dependencies ?? [])].sort()).toEqual(['ml-infra', 'ml-workloads']);
  });

  it('owns its 30-apps release and nothing of the platform', () => {
    const names = app
      .stack('team-a')
      .resources('helm_release')
      .map((release) => release['name']);
    expect(names).toEqual(['team-a-30-apps']);
    expect(manifestsOf(app, 'team-a').some((object) => object.kind === 'Namespace')).toBe(false);
    expect(manifestsOf(app, 'ml-workloads').some((object) => object.name === 'ranking')).toBe(false);
  });

  it('binds the provider of its cloud with the tags of the platform', () => {
    expect(app.stack('team-a').providers['aws']).toMatchObject([
      { default_tags: [{ tags: { 'lnmt-platform': 'ml', 'managed-by': 'lnmt' } }] },
    ]);
  });
});

describe('two platforms in one app', () => {
  const app = synthApp((root) => {
    for (const [id, cloud] of [
      ['a', new FakeCloud()],
      ['b', site()],
    ] as const) {
      new PlatformStacks(root, id, { cloud, platform: { access }, endpoints: [{ id: 'digits', model, auth }], images });
    }
  });

  it('share neither a stack nor a namespace nor a release', () => {
    expect(app.stacks.map((stack) => stack.name)).toEqual(['a-infra', 'a-workloads', 'b-infra', 'b-workloads']);
    const namespaces = (stack: string): string[] =>
      manifestsOf(app, stack)
        .filter((object) => object.kind === 'Deployment')
        .map((object) => object.namespace);
    expect(namespaces('a-workloads')).toContain('a-inference');
    expect(namespaces('b-workloads')).toContain('b-inference');
    expect(namespaces('a-workloads')).not.toContain('b-inference');
  });
});

describe('state', () => {
  const backend = (state?: StateBackend): unknown =>
    synthApp((app) => {
      const stack = new LnmtStack(app, 'ml', state === undefined ? {} : { state });
      new TerraformOutput(stack, 'one', { value: 1 });
    }).stack('ml').document['terraform'];

  it('is a local file at a path that is the same on every machine unless asked otherwise', () => {
    expect(backend()).toMatchObject({ backend: { local: { path: '../../../terraform.ml.tfstate' } } });
    expect(backend(StateBackend.local({ folder: 'states' }))).toMatchObject({
      backend: { local: { path: '../../../states/terraform.ml.tfstate' } },
    });
  });

  it('in S3 is encrypted and locked with a file, each stack with a key of its own', () => {
    expect(backend(StateBackend.s3({ bucket: 'b', region: 'eu-west-1', prefix: 'p' }))).toMatchObject({
      backend: { s3: { bucket: 'b', region: 'eu-west-1', key: 'p/ml.tfstate', encrypt: true, use_lockfile: true } },
    });
  });

  it('in Google Cloud Storage and Azure has a key of its own too, and no account keys', () => {
    expect(backend(StateBackend.gcs({ bucket: 'b' }))).toMatchObject({
      backend: { gcs: { bucket: 'b', prefix: 'lnmt/ml' } },
    });
    expect(
      backend(StateBackend.azurerm({ resourceGroupName: 'g', storageAccountName: 's', containerName: 'c' })),
    ).toMatchObject({ backend: { azurerm: { key: 'lnmt/ml.tfstate', use_azuread_auth: true } } });
  });
});

describe('the description of PlatformStacks', () => {
  it('makes the same stacks whether delivery is direct, exported or pulled from git', () => {
    const repo = { url: 'https://git.example.com/ml/platform.git' };
    for (const delivery of [Delivery.direct(), Delivery.export(), Delivery.argocd({ repo }), Delivery.flux({ repo })]) {
      const app = synthApp((root) => {
        new PlatformStacks(root, 'ml', {
          cloud: new FakeCloud(),
          platform: { access, dns: Block.off() },
          endpoints: [{ id: 'digits', model, auth, scaling: Scaling.fixed(2) }],
          training: [{ id: 'trainers', accelerator: Accelerator.NVIDIA_H100, maxNodes: 2, sampleJob: {} }],
          images,
          delivery,
        });
      });
      expect(app.stacks.map((stack) => stack.name)).toEqual(['ml-infra', 'ml-workloads']);
      const text = [...app.files.values()].join('\n');
      expect(text).toContain('lnmt-inference');
      expect(text).not.toContain('TfToken');
    }
  });

  it('exposes what it made, for adding to it', () => {
    synthApp((root) => {
      const stacks = new PlatformStacks(root, 'ml', { cloud: new FakeCloud(), platform: { access }, images });
      expect(stacks.platform.platformName).toBe('ml');
      new GpuTrainingCluster(stacks.workloads, 'later', {
        platform: stacks.platform,
        accelerator: Accelerator.NVIDIA_H100,
        maxNodes: 1,
      });
    });
  });
});
