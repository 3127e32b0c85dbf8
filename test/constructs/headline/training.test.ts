import type { GpuTrainingClusterProps } from 'lnmt';
import { Accelerator, Block, Capacity, GpuTrainingCluster } from 'lnmt';
import { AwsCloud } from 'lnmt/aws';
import type { SynthesizedApp } from 'lnmt/testing';
import { FakeCloud, synthApp } from 'lnmt/testing';
import { describe, expect, it } from 'vitest';
import { checkPodSecurity } from '../../support/pod-security';
import { at } from '../kubernetes/support';
import { manifest, manifestsOf, twoStacks } from './support';

function trainers(
  props: Partial<GpuTrainingClusterProps> = {},
  cloud = new AwsCloud({ region: 'us-east-1' }),
): SynthesizedApp {
  return synthApp((app) => {
    const { workloads, platform } = twoStacks(app, cloud);
    new GpuTrainingCluster(workloads, 'trainers', {
      platform,
      accelerator: Accelerator.NVIDIA_H100,
      gpusPerNode: 8,
      maxNodes: 4,
      sampleJob: { nodes: 2 },
      ...props,
    });
  });
}

describe('a training cluster on AWS', () => {
  const app = trainers({
    capacity: [Capacity.reserved({ id: 'cr-0a1b2c3d4e5f60718' }), Capacity.onDemand(), Capacity.spot()],
  });
  const objects = manifestsOf(app, 'ml-workloads');

  it('tries its rungs in the order in which they are written', () => {
    const pools = objects
      .filter((object) => object.kind === 'NodePool' && object.name.startsWith('trainers'))
      .map(({ object }) => object['spec'] as { readonly weight?: number; readonly template: unknown })
      .sort((a, b) => (b.weight ?? 0) - (a.weight ?? 0))
      .map((spec) => JSON.stringify(spec.template));
    expect(pools).toHaveLength(3);
    expect(pools[0]).toContain('reserved');
    expect(pools[1]).toContain('on-demand');
    expect(pools[2]).toContain('spot');
  });

  it('has one owner of driver, toolkit and device plugin: the operator is told what the image brings', () => {
    const operator = app
      .stack('ml-workloads')
      .resources('helm_release')
      .find((release) => release['name'] === 'gpu-operator');
    expect(JSON.stringify(operator?.['values'])).toContain('driver');
  });

  it('has scratch, a bucket for checkpoints that cannot be removed, and an identity that may write there', () => {
    const stack = app.stack('ml-workloads');
    expect(stack.addresses('aws_fsx_lustre_file_system')).toHaveLength(1);
    expect(stack.at('aws_s3_bucket.ml_trainers_checkpoints')).toMatchObject({ lifecycle: { prevent_destroy: true } });
    expect(JSON.stringify(stack.document)).toContain('s3:PutObject');
  });

  it('admits whole jobs through a queue', () => {
    const kinds = objects.map((object) => object.kind);
    expect(kinds).toEqual(expect.arrayContaining(['ClusterQueue', 'LocalQueue', 'ResourceFlavor']));
  });

  it('writes a sample job that asks for every GPU of a node, is suspended, and is restricted', () => {
    const job = manifest(app, 'ml-workloads', 'Job', 'trainers-sample');
    expect(job).toMatchObject({ spec: { suspend: true, parallelism: 2, completions: 2 } });
    expect(JSON.stringify(job)).toContain('"nvidia.com/gpu":"8"');
    expect(JSON.stringify(job)).toContain('"vpc.amazonaws.com/efa":"32"');
    expect(JSON.stringify(job)).toContain('/dev/shm');
    expect(checkPodSecurity(objects).faults).toEqual([]);
  });

  it('runs its sample job where the image can run, and refuses nodes of another CPU architecture', () => {
    const selected = (of: SynthesizedApp): unknown =>
      at(manifest(of, 'ml-workloads', 'Job', 'trainers-sample'), 'spec.template.spec.nodeSelector');
    expect(selected(app)).toMatchObject({ 'kubernetes.io/arch': 'amd64' });
    const arm = { accelerator: Accelerator.NVIDIA_GB200, gpusPerNode: 4 };
    expect(() => trainers(arm)).toThrow('LNMT1024 [ml-workloads/trainers]: architectures has no build for the nodes');
    const built = trainers({ ...arm, sampleJob: { architectures: ['arm64'] } });
    expect(selected(built)).toMatchObject({ 'kubernetes.io/arch': 'arm64' });
    expect(manifestsOf(trainers({ ...arm, sampleJob: undefined }), 'ml-workloads')).not.toEqual([]);
  });
});

describe('a training cluster', () => {
  it('goes without scratch where it is switched off', () => {
    const app = trainers({ scratch: Block.off() });
    expect(app.stack('ml-workloads').addresses('aws_fsx_lustre_file_system')).toEqual([]);
  });

  it('goes without scratch where the target has no parallel file system and nobody asked', () => {
    const gaps = { 'parallel-file-store': { reason: 'a test', alternative: 'the file store' } };
    synthApp((app) => {
      const { workloads, platform } = twoStacks(app, new FakeCloud({ gaps }));
      const cluster = new GpuTrainingCluster(workloads, 'trainers', {
        platform,
        accelerator: Accelerator.NVIDIA_H100,
        maxNodes: 1,
      });
      expect([cluster.scratch, cluster.scratchClaimName]).toEqual([undefined, undefined]);
    });
  });

  it('shares a pool and a store that are given to it', () => {
    const app = synthApp((root) => {
      const { workloads, platform } = twoStacks(root, new AwsCloud({ region: 'us-east-1' }));
      const common = { platform, accelerator: Accelerator.NVIDIA_H100, maxNodes: 2 };
      const first = new GpuTrainingCluster(workloads, 'first', common);
      new GpuTrainingCluster(workloads, 'second', {
        ...common,
        nodes: first.nodes,
        checkpoints: first.checkpoints,
        scratch: Block.off(),
      });
    });
    const buckets = app.stack('ml-workloads').addresses('aws_s3_bucket');
    expect(buckets.filter((address) => address.includes('checkpoints'))).toEqual([
      'aws_s3_bucket.ml_first_checkpoints',
    ]);
  });
});
