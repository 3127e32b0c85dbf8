import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TerraformStack } from 'cdktf';
import { App, TerraformVariable } from 'cdktf';
import type { Construct } from 'constructs';
import type { ICloud } from 'lnmt';
import {
  Accelerator,
  Auth,
  Block,
  Capacity,
  ClusterAccess,
  GpuTrainingCluster,
  Images,
  InferenceEndpoint,
  LnmtPlatform,
  Model,
  PodResources,
  Scaling,
} from 'lnmt';
import { AwsCloud, EksCluster, S3ObjectStore, VpcNetwork } from 'lnmt/aws';
import { LnmtStack, PlatformStacks } from 'lnmt/stacks';
import { FakeCloud } from 'lnmt/testing';
import { describe, expect, it } from 'vitest';
import { filesBelow } from '../../support/manifests';
import { access, auth, digests, images, model, refusal, site, twoStacks } from './support';

interface Refused {
  readonly title: string;
  readonly code: string;
  /** What the message has to name: property, value, what is allowed, what to do. */
  readonly names: readonly string[];
  readonly build: (app: App) => void;
}

const aws = (): AwsCloud => new AwsCloud({ region: 'eu-west-1' });

function token(scope: Construct): string {
  return new TerraformVariable(scope, 'given-at-apply', { type: 'string' }).stringValue;
}

const descriptions: readonly Refused[] = [
  {
    title: 'a region with fewer zones than asked for',
    code: 'LNMT2004',
    names: ['zones', '3', 'us-west-1', '2'],
    build: (app) => void twoStacks(app, new AwsCloud({ region: 'us-west-1' }), { network: Block.create({ zones: 3 }) }),
  },
  {
    title: 'a region that is none',
    code: 'LNMT2001',
    names: ['region', 'eu-west-1a'],
    build: (app) => void twoStacks(app, new AwsCloud({ region: 'eu-west-1a' })),
  },
  {
    title: 'a CIDR that is too small for subnets in every zone',
    code: 'LNMT1014',
    names: ['cidr', '10.0.0.0/26', '/16 to /20', 'choose another range'],
    build: (app) => void twoStacks(app, aws(), { network: Block.create({ cidr: '10.0.0.0/26' }) }),
  },
  {
    title: 'a Kubernetes API that everybody can reach',
    code: 'LNMT1014',
    names: ['publicFrom', '0.0.0.0/0', '/8 to /32', 'insideNetwork'],
    build: (app) => void twoStacks(app, aws(), { access: ClusterAccess.publicFrom('0.0.0.0/0') }),
  },
  {
    title: 'minNodes above maxNodes of a training cluster',
    code: 'LNMT1003',
    names: ['minNodes 5', 'maxNodes 4', 'minNodes at most maxNodes', 'raise maxNodes'],
    build: (app) => train(app, aws(), { minNodes: 5, maxNodes: 4 }),
  },
  {
    title: 'minNodes above maxNodes of the general pool',
    code: 'LNMT1003',
    names: ['minNodes 9', 'maxNodes 3'],
    build: (app) => void twoStacks(app, aws(), { nodes: Block.create({ minNodes: 9, maxNodes: 3 }) }),
  },
  {
    title: 'a number of nodes that is no number',
    code: 'LNMT1002',
    names: ['maxNodes', '2.5', 'whole numbers', 'set maxNodes'],
    build: (app) => train(app, aws(), { maxNodes: 2.5 }),
  },
  {
    title: 'minReplicas above maxReplicas',
    code: 'LNMT1003',
    names: ['minReplicas 5', 'maxReplicas 3'],
    build: (app) => serve(app, aws(), { scaling: Scaling.between(5, 3) }),
  },
  {
    title: 'an accelerator that the target does not offer, with the nearest offers',
    code: 'LNMT1006',
    names: ['aws', 'quantum-9', 'nearest'],
    build: (app) => train(app, aws(), { accelerator: Accelerator.custom('quantum-9', { memoryGiB: 1000 }) }),
  },
  {
    title: 'more accelerators of one node than any shape has',
    code: 'LNMT1006',
    names: ['nvidia-l4', '16', 'nearest offers'],
    build: (app) => train(app, aws(), { accelerator: Accelerator.NVIDIA_L4, gpusPerNode: 16 }),
  },
  {
    title: 'capacity that the target does not offer',
    code: 'LNMT1007',
    names: ['onprem', 'spot-capacity', 'Capacity.onDemand()'],
    build: (app) => void twoStacks(app, site(), { nodes: Block.create({ capacity: [Capacity.spot()] }) }),
  },
  {
    title: 'a block that the target does not offer',
    code: 'LNMT1007',
    names: ['onprem', 'virtual-machine', 'bastion'],
    build: (app) => void twoStacks(app, site(), { bastion: Block.create({}) }),
  },
  {
    title: 'replicas that the pool cannot hold on nodes of their own',
    code: 'LNMT1009',
    names: ['maxReplicas', '50 replicas', '20 nodes (maxNodes)', 'raise maxNodes'],
    build: (app) => serve(app, aws(), { scaling: Scaling.between(3, 50).cpu(70), spread: 'strict' }),
  },
  {
    title: 'replicas that the pool cannot hold by their memory',
    code: 'LNMT1009',
    names: ['maxReplicas', 'raise maxNodes of the pool'],
    build: (app) =>
      serve(app, aws(), {
        scaling: Scaling.between(3, 50).cpu(70),
        resources: PodResources.of({ cpu: '1', memory: '12Gi' }),
      }),
  },
  {
    title: 'a replica that no node of the pool can hold',
    code: 'LNMT1023',
    names: [
      'resources.cpu of a replica fits no node of pool general',
      'cpu 500',
      'm7i.xlarge (gpus 0, cpu 3.6, memory',
    ],
    build: (app) => serve(app, aws(), { resources: PodResources.of({ cpu: '500', memory: '1Gi' }) }),
  },
  {
    title: 'replicas that the pool holds, and cannot update',
    code: 'LNMT1009',
    names: ['3 replicas and 1 more while they are updated', '3 nodes (maxNodes)', 'maxUnavailable: 1, maxSurge: 0'],
    build: (app) => serve(app, aws(), { accelerator: Accelerator.NVIDIA_L4, scaling: Scaling.fixed(3), maxNodes: 3 }),
  },
  {
    title: 'two endpoints with one id',
    code: 'LNMT1020',
    names: ['"digits" is taken', 'a-workloads', 'another id'],
    build: (app) => {
      const { workloads, platform } = twoStacks(app, aws(), {}, 'a');
      new InferenceEndpoint(workloads, 'digits', { platform, model, auth, images });
      new InferenceEndpoint(workloads, 'digits', { platform, model, auth, images });
    },
  },
  {
    title: 'an endpoint with an empty id',
    code: 'LNMT1001',
    names: ['id must hold', '""'],
    build: (app) => {
      const { workloads, platform } = twoStacks(app, aws(), {}, 'a');
      new InferenceEndpoint(workloads, '', { platform, model, auth, images });
    },
  },
  {
    title: 'a stack whose id holds white space',
    code: 'LNMT1001',
    names: ['the id cannot name a stack', '"a b"', 'without white space'],
    build: (app) => void new LnmtStack(app, 'a b'),
  },
  {
    title: 'a stack whose id holds characters of patterns',
    code: 'LNMT1001',
    names: ['the id cannot name a stack', '"{{a}}"'],
    build: (app) => void new LnmtStack(app, '{{a}}'),
  },
  {
    title: 'two stacks with one id',
    code: 'LNMT1020',
    names: ['"one" is taken', 'the app'],
    build: (app) => {
      new LnmtStack(app, 'one');
      new LnmtStack(app, 'one');
    },
  },
  {
    title: 'two platforms in one infrastructure stack',
    code: 'LNMT1012',
    names: ['stack one', 'one/first', 'another TerraformStack'],
    build: (app) => {
      const stack = new LnmtStack(app, 'one');
      new LnmtPlatform(stack, 'first', { cloud: aws(), access });
      new LnmtPlatform(stack, 'second', { cloud: aws(), access });
    },
  },
  {
    title: 'two platforms that deliver through one stack',
    code: 'LNMT1012',
    names: ['stack a-workloads', 'another TerraformStack'],
    build: (app) => {
      const { workloads } = twoStacks(app, aws(), {}, 'a');
      const second = new LnmtPlatform(new LnmtStack(app, 'b-infra'), 'b', { cloud: aws(), access });
      second.workloads(workloads);
    },
  },
  {
    title: 'an endpoint of one platform in the workloads stack of another',
    code: 'LNMT1012',
    names: ['stack a-workloads', 'another TerraformStack'],
    build: (app) => {
      const { workloads } = twoStacks(app, aws(), {}, 'a');
      const { platform } = twoStacks(app, site(), {}, 'b');
      new InferenceEndpoint(workloads, 'digits', { platform, model, auth, images });
    },
  },
  {
    title: 'an endpoint on a pool of another cloud',
    code: 'LNMT1008',
    names: ['nodes', 'fake', 'an object of aws'],
    build: (app) => {
      const other = twoStacks(app, new FakeCloud(), {}, 'other');
      serve(app, aws(), { nodes: other.platform.nodes });
    },
  },
  {
    title: 'a training cluster on a pool of another cloud',
    code: 'LNMT1008',
    names: ['nodes', 'fake', 'an object of aws'],
    build: (app) => {
      const other = twoStacks(app, new FakeCloud(), {}, 'other');
      train(app, aws(), { nodes: other.platform.nodes });
    },
  },
  {
    title: 'checkpoints in a store of another cloud',
    code: 'LNMT1008',
    names: ['checkpoints', 'fake', 'an object of aws'],
    build: (app) => {
      const other = twoStacks(app, new FakeCloud(), {}, 'other');
      train(app, aws(), { checkpoints: other.platform.modelStore });
    },
  },
  {
    title: 'a network that was adopted from another cloud',
    code: 'LNMT1008',
    names: ['network', 'aws', 'an object of onprem', 'create or import network'],
    build: (app) => {
      const stack = new LnmtStack(app, 'ml-infra');
      const network = VpcNetwork.fromVpc(stack, 'network', {
        vpcId: 'vpc-1',
        cidr: '10.1.0.0/16',
        privateSubnetIds: ['subnet-1', 'subnet-2'],
        region: 'eu-west-1',
      });
      new LnmtPlatform(stack, 'ml', { cloud: site(), access, network: Block.existing(network) });
    },
  },
  {
    title: 'a cluster that was adopted from another cloud',
    code: 'LNMT1008',
    names: ['cluster', 'aws', 'an object of fake'],
    build: (app) => {
      const stack = new LnmtStack(app, 'ml-infra');
      const cluster = EksCluster.fromCluster(stack, 'cluster', {
        clusterName: 'existing',
        region: 'eu-west-1',
        version: '1.36',
      });
      new LnmtPlatform(stack, 'ml', { cloud: new FakeCloud(), access, cluster: Block.existing(cluster) });
    },
  },
  {
    title: 'a bucket that was adopted from another cloud',
    code: 'LNMT1008',
    names: ['modelStore', 'aws', 'an object of onprem'],
    build: (app) => {
      const stack = new LnmtStack(app, 'ml-infra');
      const modelStore = S3ObjectStore.fromBucket(stack, 'models', { bucketName: 'old', region: 'eu-west-1' });
      new LnmtPlatform(stack, 'ml', { cloud: site(), access, modelStore: Block.existing(modelStore) });
    },
  },
  {
    title: 'a token where a literal is needed: the CIDR',
    code: 'LNMT1004',
    names: ['cidr', 'a literal', 'main.ts'],
    build: (app) => {
      const stack = new LnmtStack(app, 'ml-infra');
      new LnmtPlatform(stack, 'ml', { cloud: aws(), access, network: Block.create({ cidr: token(stack) }) });
    },
  },
  {
    title: 'a token where a literal is needed: the region',
    code: 'LNMT1004',
    names: ['region', 'a literal'],
    build: (app) => {
      const stack = new LnmtStack(app, 'ml-infra');
      new LnmtPlatform(stack, 'ml', { cloud: new AwsCloud({ region: token(stack) }), access });
    },
  },
  {
    title: 'a token where a literal is needed: the name of the platform',
    code: 'LNMT1004',
    names: ['name', 'a literal'],
    build: (app) => {
      const stack = new LnmtStack(app, 'ml-infra');
      new LnmtPlatform(stack, 'ml', { cloud: aws(), access, name: token(stack) });
    },
  },
  {
    title: 'a token where a literal is needed: the name of an endpoint',
    code: 'LNMT1004',
    names: ['name', 'a literal'],
    build: (app) => {
      const { workloads, platform } = twoStacks(app, aws());
      new InferenceEndpoint(workloads, 'digits', { platform, model, auth, images, name: token(workloads) });
    },
  },
  {
    title: 'a token where a literal is needed: the number of nodes',
    code: 'LNMT1004',
    names: ['maxNodes', 'a literal'],
    build: (app) => {
      const { workloads, platform } = twoStacks(app, aws());
      const given = new TerraformVariable(workloads, 'given-at-apply', { type: 'number' }).numberValue;
      new GpuTrainingCluster(workloads, 'trainers', {
        platform,
        accelerator: Accelerator.NVIDIA_H100,
        maxNodes: given,
      });
    },
  },
  {
    title: 'a Kubernetes version that is not known',
    code: 'LNMT1005',
    names: ['kubernetesVersion', '"1.99"', '1.34, 1.35, 1.36, 1.37', 'choose one'],
    build: (app) => void twoStacks(app, aws(), { kubernetesVersion: '1.99' }),
  },
  {
    title: 'workloads in the stack of the infrastructure',
    code: 'LNMT1011',
    names: ['stack ml-infra', 'any other stack', 'second TerraformStack'],
    build: (app) => {
      const { infra, platform } = twoStacks(app, aws());
      platform.workloads(infra);
    },
  },
  {
    title: 'an endpoint in the stack of the infrastructure',
    code: 'LNMT1011',
    names: ['stack ml-infra', 'second TerraformStack'],
    build: (app) => {
      const { infra, platform } = twoStacks(app, aws());
      new InferenceEndpoint(infra, 'digits', { platform, model, auth, images });
    },
  },
  {
    title: 'a training cluster in the stack of the infrastructure',
    code: 'LNMT1011',
    names: ['stack ml-infra', 'second TerraformStack'],
    build: (app) => {
      const { infra, platform } = twoStacks(app, aws());
      new GpuTrainingCluster(infra, 'trainers', { platform, accelerator: Accelerator.NVIDIA_H100, maxNodes: 1 });
    },
  },
  {
    title: 'an image without a digest',
    code: 'LNMT1010',
    names: ['images', 'inference', 'sha256:', 'lnmt images push'],
    build: (app) => serve(app, aws(), { images: Images.from('registry.example.com/lnmt', {}) }),
  },
  {
    title: 'an image by its tag',
    code: 'LNMT1010',
    names: ['images.inference', '"latest"', 'sha256:', 'lnmt images push'],
    build: (app) => serve(app, aws(), { images: Images.from('registry.example.com/lnmt', { inference: 'latest' }) }),
  },
  {
    title: 'images in the registry of a platform that has none',
    code: 'LNMT1013',
    names: ['registry', 'Images.fromPlatform', 'Block.off()'],
    build: (app) => {
      const { workloads, platform } = twoStacks(app, aws(), { registry: Block.off() });
      new InferenceEndpoint(workloads, 'digits', { platform, model, auth, images: Images.fromPlatform(digests) });
    },
  },
  {
    title: 'a platform without a network',
    code: 'LNMT1013',
    names: ['network', 'Block.off()', 'Block.existing()'],
    build: (app) => void twoStacks(app, aws(), { network: Block.off() }),
  },
  {
    title: 'a platform without a cluster',
    code: 'LNMT1013',
    names: ['cluster', 'Block.off()', 'Block.existing()'],
    build: (app) => void twoStacks(app, aws(), { cluster: Block.off() }),
  },
  {
    title: 'an endpoint on a platform whose model store is switched off',
    code: 'LNMT1013',
    names: ['modelStore', 'an inference endpoint', 'Block.existing()'],
    build: (app) => {
      const { workloads, platform } = twoStacks(app, aws(), { modelStore: Block.off() });
      new InferenceEndpoint(workloads, 'digits', { platform, model, auth, images });
    },
  },
  {
    title: 'an endpoint whose keys are in a store that is switched off',
    code: 'LNMT1013',
    names: ['secretStore', 'Block.off()', 'Block.existing()'],
    build: (app) => {
      const { workloads, platform } = twoStacks(app, aws(), { secretStore: Block.off() });
      new InferenceEndpoint(workloads, 'digits', { platform, model, auth, images });
    },
  },
  {
    title: 'an autoscaling metric that nothing would measure, because monitoring is switched off',
    code: 'LNMT1013',
    names: ['requestsPerSecond', 'monitoring', 'Block.off()'],
    build: (app) => {
      const { workloads, platform } = twoStacks(app, aws(), { monitoring: Block.off() });
      const scaling = Scaling.between(1, 2).requestsPerSecond(10);
      new InferenceEndpoint(workloads, 'digits', { platform, model, auth, images, scaling });
    },
  },
  {
    title: 'a model without a usable name',
    code: 'LNMT1001',
    names: ['model name', '../etc', 'choose another name'],
    build: (app) => serve(app, aws(), { model: Model.fromStore('../etc', 1) }),
  },
  {
    title: 'open access without a reason',
    code: 'LNMT3010',
    names: ['Auth.none reason'],
    build: (app) => serve(app, aws(), { auth: Auth.none({ reason: ' ' }) }),
  },
  {
    title: 'an environment that is none',
    code: 'LNMT1016',
    names: ['environment', '"prod"', 'production, staging, development'],
    build: (app) => void twoStacks(app, aws(), { environment: 'prod' as 'production' }),
  },
  {
    title: 'two endpoints with one name',
    code: 'LNMT4005',
    names: ['digits'],
    build: (app) => {
      const { workloads, platform } = twoStacks(app, aws());
      new InferenceEndpoint(workloads, 'digits', { platform, model, auth });
      new InferenceEndpoint(workloads, 'other', { platform, model, auth, name: 'digits' });
    },
  },
];

type Endpoint = Partial<ConstructorParameters<typeof InferenceEndpoint>[2]>;
type Training = Partial<ConstructorParameters<typeof GpuTrainingCluster>[2]>;

function serve(app: App, cloud: ICloud, props: Endpoint): void {
  const { workloads, platform } = twoStacks(app, cloud);
  new InferenceEndpoint(workloads, 'digits', { platform, model, auth, ...props });
}

function train(app: App, cloud: ICloud, props: Training): void {
  const { workloads, platform } = twoStacks(app, cloud);
  new GpuTrainingCluster(workloads, 'trainers', {
    platform,
    accelerator: Accelerator.NVIDIA_H100,
    maxNodes: 4,
    ...props,
  });
}

describe('refuses, before any stack is written,', () => {
  it.each(descriptions)('$title ($code)', ({ code, names, build }) => {
    const { error, files } = refusal((app) => {
      // A healthy neighbour that is synthesized first: the fault is always in a later stack.
      new PlatformStacks(app, 'healthy', { cloud: new FakeCloud(), platform: { access } });
      build(app);
    });
    expect(error.message).toMatch(new RegExp(`^${code}( \\[[^\\]]+\\])?: `));
    expect(error.code).toBe(code);
    for (const name of names) expect(error.message).toContain(name);
    expect(error.details.remedy).not.toBe('');
    expect(files).toEqual([]);
  });
});

describe('a fault that shows only at synthesis', () => {
  it('in the last stack leaves no file of any stack', () => {
    const { error, files } = refusal((app) => {
      new PlatformStacks(app, 'healthy', { cloud: new FakeCloud(), platform: { access } });
      const { infra, platform } = twoStacks(app, aws());
      const last = new LnmtStack(app, 'zz-last');
      const workloads = platform.workloadsFor(last);
      workloads.add(last, {
        addons: [],
        objects: [{ id: 'late', layer: '30-apps', define: (chart) => chart.node.addValidation(broken(infra)) }],
      });
    });
    expect(error.code).toBe('LNMT4006');
    expect(error.message).toContain('the last stack is broken');
    expect(files).toEqual([]);
  });
});

describe('a description that was good and is wrong now', () => {
  it('leaves the output of the last good synthesis as it was, byte for byte', () => {
    const outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-second-synthesis-'));
    const description = (kubernetesVersion: string, faulty: boolean): void => {
      const app = new App({ outdir, stackTraces: false });
      const { infra, workloads, platform } = twoStacks(app, aws(), { kubernetesVersion });
      platform.workloadsFor(workloads).add(workloads, {
        addons: [],
        objects: [
          {
            id: 'late',
            layer: '30-apps',
            define: (chart) => (faulty ? chart.node.addValidation(broken(infra)) : undefined),
          },
        ],
      });
      app.synth();
    };
    try {
      description('1.36', false);
      const before = contentsOf(outdir);
      expect(() => description('1.37', true)).toThrow('the last stack is broken');
      expect(contentsOf(outdir)).toEqual(before);
      description('1.37', false);
      expect(contentsOf(outdir)).not.toEqual(before);
    } finally {
      fs.rmSync(outdir, { recursive: true, force: true });
    }
  });
});

function contentsOf(folder: string): ReadonlyMap<string, string> {
  return new Map(filesBelow(folder).map((file) => [file, fs.readFileSync(path.join(folder, file), 'utf8')]));
}

function broken(stack: TerraformStack): { validate(): string[] } {
  return { validate: () => [`the last stack is broken, after ${stack.node.id}`] };
}
