import { METRICS, REQUESTS_PER_SECOND_METRIC } from '../../../runtime/contract';
import {
  Accelerator,
  Alerts,
  Auth,
  Block,
  Images,
  InferenceEndpoint,
  KServeRuntime,
  Model,
  PodResources,
  Rollout,
  Scaling,
  SecretReference,
} from 'lnmt';
import type { ICloud, InferenceEndpointProps, KServeRuntimeProps, LnmtError } from 'lnmt';
import type { App } from 'cdktf';
import { AwsCloud } from 'lnmt/aws';
import type { SynthesizedApp } from 'lnmt/testing';
import { FakeCloud, synthApp } from 'lnmt/testing';
import { describe, expect, it } from 'vitest';
import { checkPodSecurity } from '../../support/pod-security';
import { auth, clouds, digests, manifest, manifestsOf, model, refusal, site, twoStacks } from './support';

/** An endpoint `digits` on a platform `ml`, synthesized. */
function endpoint(props: Partial<InferenceEndpointProps> = {}, cloud: ICloud = new FakeCloud()): SynthesizedApp {
  return synthApp((app) => {
    const { workloads, platform } = twoStacks(app, cloud);
    new InferenceEndpoint(workloads, 'digits', { platform, model, auth, ...props });
  });
}

interface PodTemplate {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly [{ readonly image: string } & Readonly<Record<string, unknown>>];
      } & Readonly<Record<string, unknown>>;
    };
  };
}

function podOf(app: SynthesizedApp): PodTemplate['spec']['template']['spec'] {
  const deployment = manifest(app, 'ml-workloads', 'Deployment', 'digits') as unknown as PodTemplate;
  return deployment.spec.template.spec;
}

describe('an endpoint as architecture.md describes its autoscaler and its highly available Deployment', () => {
  const app = endpoint(
    {
      scaling: Scaling.between(3, 50).cpu(70).memory(80).requestsPerSecond(100),
      resources: PodResources.of({ cpu: '500m', cpuLimit: '2000m', memory: '1Gi', memoryLimit: '4Gi' }),
      rollout: Rollout.rolling({ maxUnavailable: 1, maxSurge: 1 }),
      probes: { readinessPeriodSeconds: 10, livenessPeriodSeconds: 30 },
    },
    new AwsCloud({ region: 'eu-west-1' }),
  );

  it('has 3 to 50 replicas, following cpu 70, memory 80 and 100 requests a second and pod', () => {
    expect(manifest(app, 'ml-workloads', 'HorizontalPodAutoscaler', 'digits-hpa')).toMatchObject({
      apiVersion: 'autoscaling/v2',
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'digits' },
        minReplicas: 3,
        maxReplicas: 50,
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } },
          { type: 'Resource', resource: { name: 'memory', target: { type: 'Utilization', averageUtilization: 80 } } },
          {
            type: 'Pods',
            pods: {
              metric: { name: 'inference_requests_per_second' },
              target: { type: 'AverageValue', averageValue: '100' },
            },
          },
        ],
      },
    });
  });

  it('asks for 500m and 1Gi and is limited to 2000m and 4Gi', () => {
    expect(podOf(app).containers[0]).toMatchObject({
      resources: { requests: { cpu: '500m', memory: '1Gi' }, limits: { cpu: '2000m', memory: '4Gi' } },
    });
  });

  it('is replaced one by one: maxUnavailable 1, maxSurge 1', () => {
    expect(manifest(app, 'ml-workloads', 'Deployment', 'digits')).toMatchObject({
      spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } } },
    });
  });

  it('is asked every 10 and every 30 seconds, on three truths of which /health is an alias', () => {
    expect(podOf(app).containers[0]).toMatchObject({
      readinessProbe: { httpGet: { path: '/v2/health/ready' }, periodSeconds: 10 },
      livenessProbe: { httpGet: { path: '/v2/health/live' }, periodSeconds: 30 },
      startupProbe: { httpGet: { path: '/health/startup' } },
      ports: expect.arrayContaining([expect.objectContaining({ containerPort: 8080 })]) as unknown,
    });
  });

  it('puts every replica on a node of its own when that is asked for and fits', () => {
    const strict = endpoint({ scaling: Scaling.fixed(3), spread: 'strict' });
    expect(podOf(strict)['affinity']).toMatchObject({
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname' }],
      },
    });
    expect(manifest(strict, 'ml-workloads', 'Deployment', 'digits')).toMatchObject({ spec: { replicas: 3 } });
  });

  it('never has its metric without the adapter rule that makes it exist, and the counter behind the rule', () => {
    expect(REQUESTS_PER_SECOND_METRIC).toBe('inference_requests_per_second');
    const adapter = app
      .stack('ml-workloads')
      .resources('helm_release')
      .find((release) => release['name'] === 'prometheus-adapter');
    expect(JSON.stringify(adapter?.['values'])).toContain(REQUESTS_PER_SECOND_METRIC);
    expect(JSON.stringify(adapter?.['values'])).toContain(METRICS.inferenceRequests.name);
  });
});

describe.each(clouds)('an endpoint on %s', (target, make) => {
  const app = endpoint({}, make());

  it('has everything that serving needs, in the namespace of the platform', () => {
    const kinds = manifestsOf(app, 'ml-workloads')
      .filter((object) => object.namespace === 'ml-inference' && object.name.startsWith('digits'))
      .map((object) => object.kind);
    expect(new Set(kinds)).toEqual(
      new Set([
        'ConfigMap',
        'Deployment',
        'ExternalSecret',
        'HorizontalPodAutoscaler',
        'NetworkPolicy',
        'PodDisruptionBudget',
        'PrometheusRule',
        'Service',
        'ServiceAccount',
        'ServiceMonitor',
      ]),
    );
  });

  it('passes the restricted standard with every pod of its stack', () => {
    expect(checkPodSecurity(manifestsOf(app, 'ml-workloads')).faults).toEqual([]);
  });

  it('has resource metrics to follow: metrics-server is installed where the target serves none', () => {
    const releases = app
      .stack('ml-workloads')
      .resources('helm_release')
      .map((release) => release['name']);
    const serves = target === 'AwsCloud';
    expect(releases.includes('metrics-server')).toBe(!serves);
  });

  it('may read its own model and nothing else', () => {
    const grants = JSON.stringify(app.stack('ml-workloads').document);
    if (target === 'OnPremCloud') return expect(grants).not.toContain('s3:PutObject');
    expect(grants).toContain('digits/');
    expect(grants).not.toContain('s3:PutObject');
  });
});

describe('an endpoint with accelerators', () => {
  const app = endpoint(
    {
      accelerator: Accelerator.NVIDIA_L4,
      scaling: Scaling.between(1, 3).requestsPerSecond(10),
    },
    new AwsCloud({ region: 'eu-west-1' }),
  );

  it('keeps its GPU limit in the rendered manifest, as text', () => {
    expect(podOf(app).containers[0]).toMatchObject({
      resources: { limits: { 'nvidia.com/gpu': '1' }, requests: { 'nvidia.com/gpu': '1' } },
    });
  });

  it('runs the CUDA image on a pool of its own, which it selects and tolerates', () => {
    expect(podOf(app).containers[0].image).toContain('/inference-cuda@sha256:');
    expect(podOf(app)).toMatchObject({
      nodeSelector: { 'lnmt.dev/node-pool': 'digits' },
      tolerations: expect.arrayContaining([expect.objectContaining({ key: 'nvidia.com/gpu' })]) as unknown,
    });
    expect(manifestsOf(app, 'ml-workloads').some((object) => object.kind === 'NodePool')).toBe(true);
  });

  it('gets nodes with newer images while it serves: its replicas may be moved', () => {
    const pool = manifestsOf(app, 'ml-workloads').find(({ kind, name }) => kind === 'NodePool' && /^digits/.test(name));
    expect(pool?.object).toMatchObject({
      spec: { disruption: { budgets: expect.arrayContaining([{ nodes: '10%', reasons: ['Drifted'] }]) as unknown } },
    });
  });

  const inPlace = Rollout.rolling({ maxUnavailable: 1, maxSurge: 0 });
  it.each<[nodes: number, of: string, props: Partial<InferenceEndpointProps>]>([
    [4, 'one GPU, and the replica that an update makes first', { accelerator: Accelerator.NVIDIA_L4 }],
    [3, 'one GPU where a replica may be missing', { accelerator: Accelerator.NVIDIA_L4, rollout: inPlace }],
    [1, 'eight GPUs', { accelerator: Accelerator.NVIDIA_A100_40GB }],
    [4, 'eight GPUs, one a replica', { accelerator: Accelerator.NVIDIA_A100_40GB, spread: 'strict' }],
  ])('may have, for 3 replicas, %s nodes of %s', (nodes, _of, props) => {
    synthApp((app) => {
      const { workloads, platform } = twoStacks(app, new AwsCloud({ region: 'eu-west-1' }));
      const common = { platform, model, auth, scaling: Scaling.fixed(3) };
      expect(new InferenceEndpoint(workloads, 'digits', { ...common, ...props }).nodes?.maxNodes).toBe(nodes);
    });
  });
});

const l4 = { accelerator: Accelerator.NVIDIA_L4 };
const gpuSite = (): ICloud =>
  site([
    { shape: { ...l4, vcpus: 8, memoryGiB: 32 }, count: 9 },
    { shape: { ...l4, gpus: 4, vcpus: 48, memoryGiB: 192 }, count: 9 },
  ]);

describe.each<[string, () => ICloud, readonly [small: string, moreCpu: string, moreMemory: string], largest: string]>([
  [
    'FakeCloud',
    () => new FakeCloud(),
    ['fake.l4', 'fake.4xl4', 'fake.4xl4'],
    'fake.4xl4 (gpus 4, cpu 43.2, memory 163.2Gi); fake.l4 (gpus 1, cpu 7.2, memory 27.2Gi)',
  ],
  [
    'AwsCloud',
    () => new AwsCloud({ region: 'eu-west-1' }),
    ['g6.xlarge', 'g6.4xlarge', 'g6.4xlarge'],
    'g6.48xlarge (gpus 8, cpu 172.8, memory 652.8Gi); g6.24xlarge (gpus 4, cpu 86.4, memory 326.4Gi); ' +
      'g6.16xlarge (gpus 1, cpu 57.6, memory 217.6Gi)',
  ],
  [
    'OnPremCloud',
    gpuSite,
    ['1x-nvidia-l4-8cpu-32gib', '4x-nvidia-l4-48cpu-192gib', '4x-nvidia-l4-48cpu-192gib'],
    '4x-nvidia-l4-48cpu-192gib (gpus 4, cpu 43.2, memory 163.2Gi); 1x-nvidia-l4-8cpu-32gib (gpus 1, cpu 7.2, memory 27.2Gi)',
  ],
])('the nodes with accelerators that an endpoint has for itself on %s', (_target, make, shapes, largest) => {
  const build = (app: App, resources?: PodResources): InferenceEndpoint => {
    const { workloads, platform } = twoStacks(app, make());
    const props = { platform, model, auth, ...l4, scaling: Scaling.fixed(3), resources };
    return new InferenceEndpoint(workloads, 'digits', props);
  };

  it.each([
    ['1', '2Gi', 0],
    ['8', '2Gi', 1],
    ['1', '40Gi', 2],
  ] as const)('are the smallest that hold cpu %s and memory %s beside what they keep', (cpu, memory, index) => {
    synthApp((app) => {
      expect(build(app, PodResources.of({ cpu, memory })).nodes?.shape.name).toBe(shapes[index]);
    });
  });

  it('are the smallest of all where nothing is said of resources', () => {
    synthApp((app) => expect(build(app).nodes?.shape.name).toBe(shapes[0]));
  });

  it.each([
    ['cpu', { cpu: '200', memory: '2Gi' }],
    ['memory', { cpu: '1', memory: '2Ti' }],
  ])('hold a replica, or its %s is refused with what the largest have', (property, resources) => {
    const { message } = refusal((app) => void build(app, PodResources.of(resources))).error;
    expect(message).toBe(
      `LNMT1023 [ml-workloads/digits]: resources.${property} of a replica fits no node with nvidia-l4; ` +
        `got gpus 1, cpu ${resources.cpu}, memory ${resources.memory}; allowed: ${largest}; ` +
        'lower cpu or memory of resources, or choose larger nodes by accelerator or nodes',
    );
  });
});

it('an endpoint refuses a pool whose nodes have no accelerator, or too little memory, for a replica', () => {
  const refused = (props: Partial<InferenceEndpointProps>): string =>
    refusal((app) => {
      const { workloads, platform } = twoStacks(app, new AwsCloud({ region: 'eu-west-1' }));
      const { nodes } = platform;
      new InferenceEndpoint(workloads, 'digits', { platform, model, auth, nodes, scaling: Scaling.fixed(1), ...props });
    }).error.message;
  expect(refused(l4)).toContain(
    'LNMT1023 [ml-workloads/digits]: accelerator of a replica fits no node of pool general',
  );
  const resources = PodResources.of({ cpu: '3', memory: '14Gi' });
  expect(refused({ resources })).toContain('resources.memory of a replica fits no node of pool general');
});

describe('the CPU architecture of the image of an endpoint', () => {
  const arch = (app: SynthesizedApp): unknown =>
    (podOf(app)['nodeSelector'] as Record<string, string> | undefined)?.['kubernetes.io/arch'];

  it.each(clouds)('is that of the nodes that its pods select, on %s', (_target, make) => {
    expect(arch(endpoint({}, make()))).toBe('amd64');
    expect(arch(endpoint({ architectures: ['amd64', 'arm64'] }, make()))).toBeUndefined();
  });

  it('is that of the nodes where it has no pool', () => {
    const app = synthApp((scope) => {
      const { workloads, platform } = twoStacks(scope, site(), { nodes: Block.off() });
      new InferenceEndpoint(workloads, 'digits', { platform, model, auth });
    });
    expect(podOf(app)['nodeSelector']).toEqual({ 'kubernetes.io/arch': 'amd64' });
  });

  const graviton = (app: App, architectures?: InferenceEndpointProps['architectures']): void => {
    const prices = { 'm7g.xlarge': 1, 'm7i.xlarge': 2 };
    const cloud = new AwsCloud({ region: 'eu-west-1' });
    const { workloads, platform } = twoStacks(app, cloud, { nodes: Block.create({ prices }) });
    new InferenceEndpoint(workloads, 'digits', { platform, model, auth, ...(architectures && { architectures }) });
  };

  it('is held against that of the nodes, which a price table or an accelerator may make another', () => {
    expect(refusal((app) => graviton(app)).error.message).toBe(
      'LNMT1024 [ml-workloads/digits]: architectures has no build for the nodes of pool general; ' +
        'got amd64, and nodes of m7g.xlarge, which are arm64; allowed: architectures with arm64, or nodes of amd64; ' +
        "build the image on a machine of arm64 and set architectures: ['arm64'], or choose other nodes by accelerator, prices or nodes",
    );
    const props = { accelerator: Accelerator.NVIDIA_GB200, scaling: Scaling.fixed(1) };
    const refused = refusal((app) => {
      const { workloads, platform } = twoStacks(app, new AwsCloud({ region: 'eu-west-1' }));
      new InferenceEndpoint(workloads, 'digits', { platform, model, auth, ...props });
    });
    expect(refused.error.message).toContain('nodes of p6e-gb200.36xlarge, which are arm64');
    expect(arch(synthApp((app) => graviton(app, ['arm64'])))).toBe('arm64');
  });
});

describe('the CPU architecture of the image of a runtime of KServe', () => {
  it('is that of the nodes that its pods select', () => {
    const selected = (props: Pick<KServeRuntimeProps, 'architectures'>): unknown => {
      const app = synthApp((scope) => {
        const { workloads, platform } = twoStacks(scope, site());
        const keys = Auth.apiKeys(SecretReference.fromKubernetes('keys'));
        new KServeRuntime(workloads, 'kserve', { platform, auth: keys, ...props });
      });
      return manifest(app, 'ml-workloads', 'ClusterServingRuntime', 'lnmt-onnx')['spec'];
    };
    expect(selected({})).toMatchObject({ nodeSelector: { 'kubernetes.io/arch': 'amd64' } });
    expect(selected({ architectures: ['arm64'] })).toMatchObject({ nodeSelector: { 'kubernetes.io/arch': 'arm64' } });
    expect(selected({ architectures: ['amd64', 'arm64'] })).not.toHaveProperty('nodeSelector');
  });
});

describe('images of an endpoint', () => {
  it('come from the registry of the platform when no other is named, without an account id in the program', () => {
    const app = endpoint({ images: Images.fromPlatform(digests) }, new AwsCloud({ region: 'eu-west-1' }));
    expect(podOf(app).containers[0].image).toMatch(
      /^<\w+>\.dkr\.ecr\.eu-west-1\.amazonaws\.com\/ml\/inference@sha256:/,
    );
  });

  it('come from the registry that is named', () => {
    expect(podOf(endpoint()).containers[0].image).toBe(`registry.example.com/lnmt/inference@${digests['inference']}`);
  });
});

describe('what runs the models of an endpoint', () => {
  const own = `registry.example.com/team/inference-tensorrt@${digests['inference-cuda']}`;
  const scaled = { ...l4, scaling: Scaling.between(1, 3).requestsPerSecond(10) };
  const refused = (props: Partial<InferenceEndpointProps>, cloud: ICloud = new FakeCloud()): LnmtError =>
    refusal((app) => {
      const { workloads, platform } = twoStacks(app, cloud);
      new InferenceEndpoint(workloads, 'digits', { platform, model, auth, ...props });
    }).error;

  it.each(clouds)('is nothing that the bundled image lacks, on %s', (_target, make) => {
    for (const executionProvider of ['tensorrt', 'webgpu'] as const) {
      expect(refused({ executionProvider }, make()).message).toBe(
        `LNMT1021 [ml-workloads/digits]: the bundled image has no libraries for executionProvider ${executionProvider}; ` +
          `got executionProvider ${executionProvider} without image; allowed: cpu, cuda; any other with an image of your own; ` +
          'leave executionProvider out, or build with `lnmt images build --base` and pass the result as image',
      );
    }
  });

  it('is whatever an image of one’s own can', () => {
    const cloud = new AwsCloud({ region: 'eu-west-1' });
    const app = endpoint({ ...scaled, executionProvider: 'tensorrt', image: own }, cloud);
    expect(podOf(app).containers[0].image).toBe(own);
    const settings = (of: SynthesizedApp): unknown => manifest(of, 'ml-workloads', 'ConfigMap', 'digits-config');
    expect(settings(app)).toMatchObject({ data: { LNMT_EXECUTION_PROVIDER: 'tensorrt' } });
    const webgpu = endpoint({ executionProvider: 'webgpu', image: own });
    expect(settings(webgpu)).toMatchObject({ data: { LNMT_EXECUTION_PROVIDER: 'webgpu' } });
    expect(JSON.stringify(webgpu.stack('ml-workloads').document)).not.toContain('LNMT1019');
  });

  it('is an image by digest, and needs none of the platform then', () => {
    const message = refused({ image: 'registry.example.com/team/inference:latest' }).message;
    expect(message).toContain(
      'LNMT1010 [ml-workloads/digits]: image is not named by its digest; got "registry.example',
    );
    const app = synthApp((scope) => {
      const { workloads, platform } = twoStacks(scope, new FakeCloud(), { images: Images.fromPlatform({}) });
      new InferenceEndpoint(workloads, 'digits', { platform, model, auth, image: own });
    });
    expect(podOf(app).containers[0].image).toBe(own);
  });

  it.each(clouds)('is one accelerator a replica, on %s', (_target, make) => {
    const { code, message } = refused({ ...scaled, gpus: 4 }, make());
    expect(code).toBe('LNMT1022');
    expect(message).toContain('gpus asks for accelerators that nothing would use; got 4 for each replica; allowed: 1');
    expect(refused({ gpus: 2 }, make()).code).toBe('LNMT1022');
    expect(refused({ ...scaled, gpus: 0 }, make()).code).toBe('LNMT1002');
  });

  it('is one accelerator a replica where that is said, too', () => {
    const app = endpoint({ ...scaled, gpus: 1 }, new AwsCloud({ region: 'eu-west-1' }));
    expect(podOf(app).containers[0]).toMatchObject({ resources: { limits: { 'nvidia.com/gpu': '1' } } });
  });
});

describe.each(clouds)('the room for models of an endpoint on %s', (_target, make) => {
  it('follows from its memory limit and its volume', () => {
    const files = { models: '{"models":[]}' };
    const app = endpoint({ files, resources: PodResources.of({ cpu: '1', memory: '4Gi' }), modelCacheGiB: 20 }, make());
    const bytes = String(4 * 2 ** 30 - 384 * 2 ** 20);
    expect(manifest(app, 'ml-workloads', 'ConfigMap', 'digits-config')).toMatchObject({
      data: {
        LNMT_HOST_MEMORY_BYTES: bytes,
        LNMT_MODEL_MEMORY_BYTES: bytes,
        LNMT_MODEL_CACHE_BYTES: String(16 * 2 ** 30),
      },
    });
    expect(podOf(app)['volumes']).toContainEqual({ name: 'model-cache', emptyDir: { sizeLimit: '20Gi' } });
  });
});

describe('the features of the image of an endpoint', () => {
  const notes = (app: SynthesizedApp): string[] => {
    const { stacks } = JSON.parse(app.files.get('manifest.json') ?? '') as {
      stacks: Record<string, { annotations: { level: string; message: string }[] }>;
    };
    return Object.values(stacks).flatMap(({ annotations }) => annotations.map(({ message }) => message));
  };
  const files = { policies: 'permit(principal, action, resource);' };

  it.each(clouds)('are said by the construct, by its Deployment and by synthesis, on %s', (target, make) => {
    let said: readonly string[] = [];
    const app = synthApp((scope) => {
      const { workloads, platform } = twoStacks(scope, make());
      const props = { platform, model, auth, files, grpc: true, env: { LNMT_GRAPHQL: 'true' } };
      said = new InferenceEndpoint(workloads, 'digits', props).imageFeatures;
    });
    const store = target === 'FakeCloud' ? [] : ['s3'];
    expect(said).toEqual([...store, 'grpc', 'graphql', 'policies']);
    expect(manifest(app, 'ml-workloads', 'Deployment', 'digits')).toMatchObject({
      metadata: { annotations: { 'lnmt.dev/image-features': said.join(',') } },
    });
    expect(notes(app)).toEqual([
      'the image of endpoint digits needs graphql, policies, e.g. by ' +
        '`lnmt images build --only inference --features s3,grpc,graphql,policies`',
    ]);
  });

  it('are not mentioned where every image has them, and with the flavour where it has one', () => {
    expect(notes(endpoint({ grpc: true }))).toEqual([]);
    const [note] = notes(endpoint({ ...l4, scaling: Scaling.fixed(1), files }, new AwsCloud({ region: 'eu-west-1' })));
    expect(note).toContain('`lnmt images build --only inference --flavour cuda --features s3,grpc,policies`');
  });
});

describe('an endpoint with a certificate and an audit log', () => {
  it('mounts both, and answers over HTTPS', () => {
    const app = endpoint({ tls: { secretName: 'digits-tls' }, auditLog: { claimName: 'audit' } });
    expect(podOf(app)['volumes']).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ secret: expect.objectContaining({ secretName: 'digits-tls' }) as unknown }),
        expect.objectContaining({ persistentVolumeClaim: { claimName: 'audit' } }),
      ]),
    );
    expect(manifest(app, 'ml-workloads', 'Service', 'digits')).toMatchObject({
      spec: { ports: [{ name: 'http', appProtocol: 'https' }] },
    });
  });
});

describe('what is secret of an endpoint', () => {
  it('is named by reference and comes from the store of the platform', () => {
    const app = endpoint({
      secretEnv: { LNMT_RESPONSE_CACHE_PASSWORD: SecretReference.fromStore('cache') },
      secretFiles: { LNMT_UPSTREAM_KEY_FILE: SecretReference.fromStore('upstream') },
    });
    for (const [name, secretKey] of [
      ['digits-secret-env', 'LNMT_RESPONSE_CACHE_PASSWORD'],
      ['digits-secret-files', 'LNMT_UPSTREAM_KEY_FILE'],
    ] as const) {
      expect(manifest(app, 'ml-workloads', 'ExternalSecret', name)).toMatchObject({ spec: { data: [{ secretKey }] } });
    }
  });
});

describe('who may call an endpoint', () => {
  it('proves it with keys that the server reads from a mounted secret', () => {
    const app = endpoint({ auth: Auth.apiKeys(SecretReference.fromKubernetes('made-by-hand')) });
    expect(podOf(app)['volumes']).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ secret: expect.objectContaining({ secretName: 'made-by-hand' }) as unknown }),
      ]),
    );
  });

  it('proves it with tokens of an issuer, over gRPC too', () => {
    const jwt = Auth.jwt({ issuer: 'https://id.test', audience: 'lnmt', jwksUri: 'https://id.test/keys' });
    const app = endpoint({ auth: jwt, grpc: true });
    expect(manifest(app, 'ml-workloads', 'ConfigMap', 'digits-config')).toMatchObject({
      data: { LNMT_AUTH: 'jwt', LNMT_JWT_ISSUER: 'https://id.test', LNMT_GRPC_PORT: '9000' },
    });
    expect(manifest(app, 'ml-workloads', 'Service', 'digits')).toMatchObject({
      spec: { ports: [{ name: 'http' }, { name: 'grpc', port: 9000, appProtocol: 'kubernetes.io/h2c' }] },
    });
  });

  it('is anyone where that was said with a reason', () => {
    const app = endpoint({ auth: Auth.none({ reason: 'behind the gateway of the shop' }) });
    expect(manifest(app, 'ml-workloads', 'ConfigMap', 'digits-config')).toMatchObject({ data: { LNMT_AUTH: 'none' } });
  });

  it('is said in a warning where it is anyone, with the reason', () => {
    const warnings = (app: SynthesizedApp): string[] => {
      const { stacks } = JSON.parse(app.files.get('manifest.json') ?? '') as {
        stacks: Record<string, { annotations: { level: string; message: string }[] }>;
      };
      return Object.values(stacks).flatMap(({ annotations }) => annotations.map(({ message }) => message));
    };
    expect(warnings(endpoint({ auth: Auth.none({ reason: 'behind the gateway of the shop' }) }))).toEqual([
      'endpoint digits answers anyone who reaches it, because: behind the gateway of the shop',
    ]);
    expect(warnings(endpoint({ auth }))).toEqual([]);
  });
});

it('an endpoint gives its callers a URL and its dashboards queries', () => {
  synthApp((app) => {
    const { workloads, platform } = twoStacks(app, new FakeCloud());
    const digits = new InferenceEndpoint(workloads, 'digits', { platform, model: Model.fromStore('digits', 3), auth });
    expect(digits.url).toBe('http://digits.ml-inference.svc:8080');
    const tls = { secretName: 'secure-tls' };
    const model = Model.fromStore('digits', 3);
    const secure = new InferenceEndpoint(workloads, 'secure', { platform, model, auth, tls });
    expect(secure.url).toBe('https://secure.ml-inference.svc:8080');
    expect(digits.metrics.requestRate()).toContain(METRICS.inferenceRequests.name);
  });
});

describe('what watches an endpoint', () => {
  const watching = (app: SynthesizedApp): string[] =>
    manifestsOf(app, 'ml-workloads')
      .filter(({ kind, name }) => kind === 'PrometheusRule' || name === 'digits-dashboard')
      .map(({ kind }) => kind)
      .sort();

  it('fires at the thresholds of the endpoint, and is left out where it is not wanted', () => {
    const app = endpoint({ alerts: Alerts.at({ latencySeconds: 7.5 }) });
    expect(JSON.stringify(manifest(app, 'ml-workloads', 'PrometheusRule', 'digits'))).toContain('> 7.5');
    expect(watching(app)).toEqual(['ConfigMap', 'PrometheusRule']);
    expect(watching(endpoint({ alerts: Alerts.off(), dashboard: false }))).toEqual([]);
  });

  it('is not there on a platform without monitoring', () => {
    const app = synthApp((scope) => {
      const { workloads, platform } = twoStacks(scope, new FakeCloud(), { monitoring: Block.off() });
      new InferenceEndpoint(workloads, 'digits', { platform, model, auth });
    });
    expect(watching(app)).toEqual([]);
  });
});
