import { Lazy } from 'cdktf';
import { describe, expect, it } from 'vitest';
import { Accelerator } from '../../../constructs/accelerators';
import { AwsGpuStack } from '../../../constructs/aws/aws-gpu-stack';
import { EksCluster } from '../../../constructs/aws/cluster';
import { Capacity } from '../../../constructs/capacity';
import type { GpuNodePoolProps } from '../../../constructs/cloud/gpu-node-pool';
import type { INodePool, NodePoolProps } from '../../../constructs/cloud/node-pool';
import type { Json, JsonObject } from '../../support/terraform-json';
import { checkManifests } from '../../support/kubernetes-check';
import { manifestOf } from '../../support/manifests';
import { ComputeStack, REGION, bound, codeOf, objectsOf } from './compute-stack';
import type { TestObject } from './compute-stack';
import { ForeignBlock } from './data-stack';

function gpuPool(test: ComputeStack, props: Partial<GpuNodePoolProps> = {}): INodePool {
  return test.cloud.compute.gpuNodePool(test.stack, 'pool', {
    cluster: props.cluster ?? test.adoptedCluster(),
    name: 'trainers',
    accelerator: Accelerator.NVIDIA_H100,
    gpusPerNode: 8,
    maxNodes: 4,
    ...props,
  });
}

function cpuPool(test: ComputeStack, props: Partial<NodePoolProps> = {}): INodePool {
  return test.cloud.compute.nodePool(test.stack, 'pool', {
    cluster: props.cluster ?? test.adoptedCluster(),
    name: 'general',
    maxNodes: 5,
    ...props,
  });
}

const of = (objects: readonly TestObject[], kind: string): JsonObject[] =>
  objects.filter((each) => each.kind === kind).map((each) => each.spec);

function requirement(pool: JsonObject | undefined, key: string): Json | undefined {
  const { spec } = pool?.['template'] as { readonly spec: { readonly requirements: readonly JsonObject[] } };
  return spec.requirements.find((each) => each['key'] === key)?.['values'];
}

const LADDER = [
  Capacity.reserved({ id: 'cr-0a1b' }),
  Capacity.reserved({ tags: { team: 'research' } }),
  Capacity.onDemand(),
  Capacity.spot(),
];

describe('a GPU pool', () => {
  it('is one NodePool a rung, in descending weight', () => {
    const objects = objectsOf(gpuPool(new ComputeStack(), { capacity: LADDER }));
    const pools = of(objects, 'NodePool');
    expect(pools.map((pool) => requirement(pool, 'karpenter.sh/capacity-type'))).toEqual([
      ['reserved'],
      ['reserved'],
      ['on-demand'],
      ['spot'],
    ]);
    expect(pools.map((pool) => pool['weight'])).toEqual([100, 99, 98, 97]);
  });

  it('names its reservations by id or by tags, and on no other rung', () => {
    const classes = of(objectsOf(gpuPool(new ComputeStack(), { capacity: LADDER })), 'EC2NodeClass');
    expect(classes.map((each) => each['capacityReservationSelectorTerms'])).toEqual([
      [{ id: 'cr-0a1b' }],
      [{ tags: { team: 'research' } }],
      undefined,
      undefined,
    ]);
  });

  it('fits the schemas of Karpenter on every stack and ladder', async () => {
    for (const gpuStack of [AwsGpuStack.al2023(), AwsGpuStack.bottlerocket(), AwsGpuStack.operatorManaged()]) {
      const pool = gpuPool(new ComputeStack({ gpuStack }), { capacity: LADDER, fabric: 'auto' });
      const verdict = await checkManifests(bound(objectsOf(pool)).map((each) => manifestOf(each, 'pool')));
      expect(verdict).toEqual({ faults: [], unmodelled: [], checked: 8 });
    }
  });

  it('has the shape that holds the request, and no other', () => {
    const pool = gpuPool(new ComputeStack(), { accelerator: Accelerator.NVIDIA_L4, gpusPerNode: 1 });
    expect(pool.shape.name).toBe('g6.xlarge');
    const [nodePool] = of(objectsOf(pool), 'NodePool');
    expect(requirement(nodePool, 'node.kubernetes.io/instance-type')).toEqual(['g6.xlarge']);
    expect(requirement(nodePool, 'kubernetes.io/arch')).toEqual(['amd64']);
  });

  it('never has more nodes than asked: its GPUs are limited', () => {
    const [pool] = of(objectsOf(gpuPool(new ComputeStack(), { maxNodes: 3 })), 'NodePool');
    expect(pool?.['limits']).toEqual({ 'nvidia.com/gpu': '24', nodes: '3' });
  });

  it('carries the taint and the labels that consumers are told of', () => {
    const test = new ComputeStack();
    const pool = gpuPool(test);
    const [nodePool] = of(objectsOf(pool), 'NodePool');
    const template = nodePool?.['template'] as JsonObject;
    expect(template['metadata']).toEqual({
      labels: { 'lnmt.dev/node-pool': 'trainers', 'lnmt.dev/accelerator': 'nvidia-h100' },
    });
    expect(template['spec']).toMatchObject({
      taints: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }],
    });
    expect(pool.placement).toEqual({
      nodeSelector: { 'lnmt.dev/node-pool': 'trainers' },
      tolerations: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }],
    });
  });

  it('sets no startup taint, because nothing would take it away', () => {
    const [nodePool] = of(objectsOf(gpuPool(new ComputeStack())), 'NodePool');
    expect(JSON.stringify(nodePool)).not.toContain('startupTaints');
  });

  const drifting = (props: Partial<GpuNodePoolProps>): unknown =>
    of(objectsOf(gpuPool(new ComputeStack(), { capacity: LADDER, ...props })), 'NodePool').map((pool) => {
      const { consolidationPolicy, budgets } = pool['disruption'] as { consolidationPolicy: string; budgets: unknown };
      return [consolidationPolicy, budgets];
    });
  const budgets = (drifted: string): object => [
    'WhenEmpty',
    [
      { nodes: '0', reasons: ['Underutilized'] },
      { nodes: drifted, reasons: ['Drifted'] },
      { nodes: '100%', reasons: ['Empty'] },
    ],
  ];

  it('loses no node because it is little used or has an older image', () => {
    expect(drifting({})).toEqual(['0', '0', '0', '0'].map(budgets));
  });

  it('replaces nodes of an older image where its pods may be moved, and another node can be had', () => {
    expect(drifting({ rollingUpdates: true })).toEqual(['0', '0', '10%', '10%'].map(budgets));
  });

  it('lets an expired node wait for pods that must not be disrupted, unless its pods may be moved', () => {
    const spec = (props: Partial<GpuNodePoolProps>): Json | undefined => {
      const [nodePool] = of(objectsOf(gpuPool(new ComputeStack(), props)), 'NodePool');
      return (nodePool?.['template'] as JsonObject)['spec'];
    };
    expect(spec({})).toMatchObject({ expireAfter: '720h' });
    expect(spec({})).not.toHaveProperty('terminationGracePeriod');
    expect(spec({ rollingUpdates: true })).toMatchObject({ expireAfter: '720h', terminationGracePeriod: '24h' });
  });

  it('gives pods no metadata, encrypts its disks and uses local NVMe for images', () => {
    const [nodeClass] = of(objectsOf(gpuPool(new ComputeStack(), { diskGiB: 300 })), 'EC2NodeClass');
    expect(nodeClass).toMatchObject({
      metadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: 1 },
      blockDeviceMappings: [
        { deviceName: '/dev/xvda', rootVolume: true, ebs: { volumeSize: '300Gi', encrypted: true, volumeType: 'gp3' } },
      ],
      instanceStorePolicy: 'RAID0',
      associatePublicIPAddress: false,
    });
  });

  it('tags machines, which no default of the provider reaches', () => {
    const [nodeClass] = of(objectsOf(gpuPool(new ComputeStack({ tags: { team: 'research' } }))), 'EC2NodeClass');
    expect(nodeClass?.['tags']).toEqual({ team: 'research', Name: 'trainers' });
  });

  it('places nodes into the subnets, the security group and the role of its cluster', () => {
    const test = new ComputeStack();
    const cluster = test.cluster();
    const [nodeClass] = of(objectsOf(gpuPool(test, { cluster })), 'EC2NodeClass');
    expect(test.resolve(nodeClass)).toMatchObject({
      role: expect.stringMatching(/^\$\{aws_iam_role\.cluster_KarpenterNodeRole_.*\.name\}$/) as string,
      subnetSelectorTerms: [{ id: 'subnet-1' }, { id: 'subnet-2' }, { id: 'subnet-3' }],
      securityGroupSelectorTerms: [{ id: '${aws_eks_cluster.ml_cluster.vpc_config[0].cluster_security_group_id}' }],
    });
  });
});

describe('the GPU stack of a pool', () => {
  function stackOf(gpuStack: AwsGpuStack): { readonly image: JsonObject | undefined; readonly values: unknown } {
    const pool = gpuPool(new ComputeStack({ gpuStack }));
    const operator = pool.kubernetes.addons.find((each) => each.name === 'gpu-operator');
    return { image: of(objectsOf(pool), 'EC2NodeClass')[0], values: operator?.values };
  }

  it('is an image with driver and toolkit, and a device plugin of the operator', () => {
    const { image, values } = stackOf(AwsGpuStack.al2023());
    expect(image).toMatchObject({ amiFamily: 'AL2023', amiSelectorTerms: [{ alias: 'al2023@latest' }] });
    expect(values).toMatchObject({
      driver: { enabled: false },
      toolkit: { enabled: false },
      devicePlugin: { enabled: true },
    });
  });

  it('is all in the image with Bottlerocket, whose data volume is the large one', () => {
    const { image, values } = stackOf(AwsGpuStack.bottlerocket({ imageVersion: 'v1.50.0' }));
    expect(image).toMatchObject({
      amiSelectorTerms: [{ alias: 'bottlerocket@v1.50.0' }],
      blockDeviceMappings: [
        { deviceName: '/dev/xvda', ebs: { volumeSize: '4Gi' } },
        { deviceName: '/dev/xvdb', rootVolume: true, ebs: { volumeSize: '200Gi' } },
      ],
    });
    expect(values).toMatchObject({ driver: { enabled: false }, devicePlugin: { enabled: false } });
  });

  it('is all the operator’s on an image without NVIDIA software', () => {
    const { image, values } = stackOf(AwsGpuStack.operatorManaged());
    expect(image).toMatchObject({
      amiFamily: 'AL2',
      amiSelectorTerms: [
        { ssmParameter: '/aws/service/canonical/ubuntu/eks/24.04/1.36/stable/current/amd64/hvm/ebs-gp3/ami-id' },
      ],
    });
    expect(values).toMatchObject({
      driver: { enabled: true },
      toolkit: { enabled: true },
      devicePlugin: { enabled: true },
    });
  });

  it('takes another image when asked', () => {
    const gpuStack = AwsGpuStack.operatorManaged({ imageParameter: '/aws/service/own', userDataFormat: 'AL2023' });
    expect(stackOf(gpuStack).image).toMatchObject({
      amiFamily: 'AL2023',
      amiSelectorTerms: [{ ssmParameter: '/aws/service/own' }],
    });
  });
});

describe('the fabric of a GPU pool', () => {
  it('is off unless asked for', () => {
    const pool = gpuPool(new ComputeStack());
    expect(pool.fabricResources).toEqual({});
    expect(pool.kubernetes.addons.map((each) => each.name)).toEqual(['gpu-operator']);
    expect(JSON.stringify(objectsOf(pool))).not.toContain('efa-only');
  });

  it('is every EFA interface of the shape, with its device plugin', () => {
    const pool = gpuPool(new ComputeStack(), { fabric: 'auto' });
    expect(pool.fabricResources).toEqual({ 'vpc.amazonaws.com/efa': '32' });
    expect(pool.kubernetes.addons.map((each) => each.name)).toEqual(['gpu-operator', 'aws-efa-k8s-device-plugin']);
    const [nodeClass] = of(objectsOf(pool), 'EC2NodeClass');
    expect(nodeClass?.['networkInterfaces']).toHaveLength(33);
    expect(nodeClass).not.toHaveProperty('associatePublicIPAddress');
  });

  it('brings no huge pages, which Karpenter would find on no instance type', () => {
    expect(gpuPool(new ComputeStack(), { fabric: 'auto' }).fabricResources).not.toHaveProperty('hugepages-2Mi');
  });

  it('uses a placement group on plain on-demand capacity only', () => {
    const test = new ComputeStack();
    const classes = of(objectsOf(gpuPool(test, { fabric: 'auto', capacity: LADDER })), 'EC2NodeClass');
    expect(classes.map((each) => 'placementGroupSelector' in each)).toEqual([false, false, true, false]);
    expect(test.only('aws_placement_group')).toMatchObject({ strategy: 'cluster' });
  });

  it('makes no placement group for reserved capacity', () => {
    const test = new ComputeStack();
    gpuPool(test, { fabric: 'auto', capacity: [Capacity.reserved({ id: 'cr-0a1b' })] });
    expect(test.all('aws_placement_group')).toEqual([]);
  });

  it('keeps nodes that are not reserved in one zone, which offers the type', () => {
    const test = new ComputeStack();
    const cluster = test.cluster({ network: test.network() });
    const pools = of(objectsOf(gpuPool(test, { cluster, fabric: 'auto', capacity: LADDER })), 'NodePool');
    const zones = pools.map((pool) => test.resolve(requirement(pool, 'topology.kubernetes.io/zone')));
    expect(zones.slice(0, 2)).toEqual([undefined, undefined]);
    expect(zones[2]).toEqual([expect.stringContaining('aws_ec2_instance_type_offerings')]);
    expect(test.only('aws_ec2_instance_type_offerings', 'data')).toMatchObject({
      location_type: 'availability-zone',
      lifecycle: { postcondition: [{ condition: '${length(self.locations) > 0}' }] },
    });
  });

  it('is none where the shape has none', () => {
    const pool = gpuPool(new ComputeStack(), {
      accelerator: Accelerator.NVIDIA_L4,
      gpusPerNode: 1,
      fabric: 'auto',
    });
    expect(pool.fabricResources).toEqual({});
    expect(pool.kubernetes.addons).toHaveLength(1);
  });
});

describe('nodes that are always there', () => {
  it('are a managed node group of fixed size, and Karpenter provides the rest', () => {
    const test = new ComputeStack();
    const pool = gpuPool(test, { minNodes: 1, maxNodes: 4 });
    expect(test.only('aws_eks_node_group')).toMatchObject({
      node_group_name: 'trainers-fixed',
      ami_type: 'AL2023_x86_64_NVIDIA',
      capacity_type: 'ON_DEMAND',
      instance_types: ['p5.48xlarge'],
      scaling_config: { min_size: 1, desired_size: 1, max_size: 1 },
      taint: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NO_SCHEDULE' }],
      labels: { 'lnmt.dev/node-pool': 'trainers', 'lnmt.dev/accelerator': 'nvidia-h100' },
    });
    expect(of(objectsOf(pool), 'NodePool')[0]?.['limits']).toMatchObject({ 'nvidia.com/gpu': '24' });
  });

  it('leave nothing to Karpenter when the maximum is the minimum', () => {
    const pool = gpuPool(new ComputeStack(), { minNodes: 2, maxNodes: 2 });
    expect(objectsOf(pool)).toEqual([]);
  });

  it('take the first rung of the ladder', () => {
    const test = new ComputeStack();
    gpuPool(test, { minNodes: 1, capacity: [Capacity.reserved({ id: 'cr-0a1b' }), Capacity.onDemand()] });
    expect(test.only('aws_launch_template')).toMatchObject({
      capacity_reservation_specification: { capacity_reservation_target: { capacity_reservation_id: 'cr-0a1b' } },
    });
    expect(test.only('aws_subnets', 'data')).toMatchObject({
      filter: [
        { name: 'subnet-id', values: ['subnet-1', 'subnet-2'] },
        {
          name: 'availability-zone',
          values: [expect.stringContaining('aws_cloudcontrolapi_resource') as string],
        },
      ],
    });
  });

  it('are spot nodes on a spot rung', () => {
    const test = new ComputeStack();
    cpuPool(test, { minNodes: 1, capacity: [Capacity.spot()] });
    expect(test.only('aws_eks_node_group')['capacity_type']).toBe('SPOT');
  });

  it('refuse a reservation that is named by tags', () => {
    const test = new ComputeStack();
    expect(() => gpuPool(test, { minNodes: 1, capacity: [Capacity.reserved({ tags: { team: 'a' } })] })).toThrow(
      'LNMT2009 [ml-infra/pool]: minNodes or a Capacity Block needs a managed node group, which takes a reservation by its id only; name the reservation by id in the first rung of capacity, or set minNodes to 0',
    );
  });

  it('refuse an image that managed node groups cannot use', () => {
    const test = new ComputeStack({ gpuStack: AwsGpuStack.operatorManaged() });
    expect(codeOf(() => gpuPool(test, { minNodes: 1 }))).toBe('LNMT2009');
  });
});

describe('a Capacity Block', () => {
  const capacity = [Capacity.block('cr-0a1c')];

  it('is a managed node group whose template holds type and block', () => {
    const test = new ComputeStack();
    const pool = gpuPool(test, { capacity, fabric: 'auto' });
    const group = test.only('aws_eks_node_group');
    expect(group).toMatchObject({
      capacity_type: 'CAPACITY_BLOCK',
      scaling_config: { min_size: 0, desired_size: 4, max_size: 4 },
    });
    expect(group).not.toHaveProperty('instance_types');
    const template = test.only('aws_launch_template');
    expect(template).toMatchObject({
      instance_type: 'p5.48xlarge',
      instance_market_options: { market_type: 'capacity-block' },
      capacity_reservation_specification: { capacity_reservation_target: { capacity_reservation_id: 'cr-0a1c' } },
    });
    const interfaces = template['network_interfaces'] as JsonObject[];
    expect(interfaces.map((each) => each['interface_type']).slice(0, 2)).toEqual(['interface', 'efa-only']);
    expect(interfaces).toHaveLength(33);
    expect(interfaces[0]?.['security_groups']).toHaveLength(1);
    expect(objectsOf(pool)).toEqual([]);
    expect(pool.fabricResources).toEqual({ 'vpc.amazonaws.com/efa': '32', 'hugepages-2Mi': '5120Mi' });
  });

  it('has no placement group, which would find no capacity', () => {
    const test = new ComputeStack();
    gpuPool(test, { capacity, fabric: 'auto' });
    expect(test.all('aws_placement_group')).toEqual([]);
    expect(test.only('aws_launch_template')).not.toHaveProperty('placement');
  });

  it('refuses to stand beside other rungs', () => {
    expect(() => gpuPool(new ComputeStack(), { capacity: [...capacity, Capacity.onDemand()] })).toThrow(
      'LNMT2005 [ml-infra/pool]: capacity holds a Capacity Block beside other rungs; got block, on-demand; allowed: a Capacity Block alone; make one pool for the block and another pool for the other rungs',
    );
  });
});

describe('a CPU pool', () => {
  it('is provided by Karpenter within its limit', async () => {
    const pool = cpuPool(new ComputeStack());
    const objects = objectsOf(pool);
    expect(pool.shape.name).toBe('m7i.xlarge');
    expect(of(objects, 'NodePool')[0]).toMatchObject({
      limits: { cpu: '20', nodes: '5' },
      disruption: { consolidationPolicy: 'WhenEmptyOrUnderutilized' },
    });
    expect(of(objects, 'EC2NodeClass')[0]).not.toHaveProperty('instanceStorePolicy');
    const verdict = await checkManifests(bound(objects).map((each) => manifestOf(each, 'pool')));
    expect(verdict).toEqual({ faults: [], unmodelled: [], checked: 2 });
  });

  it('brings neither taint nor GPU software', () => {
    const pool = cpuPool(new ComputeStack());
    expect(pool.placement).toEqual({ nodeSelector: { 'lnmt.dev/node-pool': 'general' }, tolerations: [] });
    expect(pool.kubernetes.addons).toEqual([]);
  });

  it('is there before the operators that need its nodes', () => {
    expect(cpuPool(new ComputeStack()).kubernetes.objects.map((each) => each.layer)).toEqual(['10-operators']);
  });

  it('takes the cheapest shape of a price table', () => {
    const pool = cpuPool(new ComputeStack(), { prices: { 'm7g.xlarge': 1, 'm7i.xlarge': 2 } });
    expect(pool.shape.name).toBe('m7g.xlarge');
  });

  it('uses the ordinary image of the stack’s family', () => {
    const test = new ComputeStack({ gpuStack: AwsGpuStack.bottlerocket() });
    cpuPool(test, { minNodes: 1 });
    expect(test.only('aws_eks_node_group')['ami_type']).toBe('BOTTLEROCKET_x86_64');
  });
});

describe('what a pool refuses', () => {
  it.each([
    ['reversed bounds', { minNodes: 5, maxNodes: 4 }, 'LNMT1003'],
    ['a negative minimum', { minNodes: -1 }, 'LNMT1002'],
    ['no nodes', { maxNodes: 0 }, 'LNMT1002'],
    ['half a node', { maxNodes: 1.5 }, 'LNMT1002'],
    ['no GPUs', { gpusPerNode: 0 }, 'LNMT1002'],
    ['more GPUs than a machine has', { gpusPerNode: 9 }, 'LNMT1006'],
    ['a tiny disk', { diskGiB: 8 }, 'LNMT1002'],
    ['an empty ladder', { capacity: [] }, 'LNMT2007'],
    ['an accelerator that AWS has not', { accelerator: Accelerator.custom('mi300x', { memoryGiB: 192 }) }, 'LNMT1006'],
    ['an unknown fabric', { fabric: 'infiniband' as 'auto' }, 'LNMT1016'],
    ['a name without letters', { name: '--' }, 'LNMT1001'],
  ])('refuses %s', (_, props, code) => {
    expect(codeOf(() => gpuPool(new ComputeStack(), props))).toBe(code);
  });

  it('refuses a reservation id that cannot exist, and takes one that only Terraform knows', () => {
    const reserved = (id: string): readonly Capacity[] => [Capacity.reserved({ id })];
    expect(() => gpuPool(new ComputeStack(), { capacity: reserved('my-reservation') })).toThrow(
      'LNMT2008 [ml-infra/pool]: capacity names a reservation that cannot exist; got "my-reservation"; allowed: cr- followed by lower-case letters and digits; copy the id from `aws ec2 describe-capacity-reservations`',
    );
    const late = Lazy.stringValue({ produce: () => 'cr-1' });
    expect(codeOf(() => gpuPool(new ComputeStack(), { capacity: reserved(late) }))).toBe('accepted');
  });

  it('refuses a cluster of another cloud', () => {
    const test = new ComputeStack();
    const cluster = new ForeignBlock(test.stack, 'other') as never;
    expect(codeOf(() => gpuPool(test, { cluster }))).toBe('LNMT1008');
  });

  it('refuses an adopted cluster that lacks what nodes need', () => {
    const test = new ComputeStack();
    const cluster = EksCluster.fromCluster(test.stack, 'bare', { clusterName: 'ml', region: REGION, version: '1.36' });
    expect(() => cpuPool(test, { cluster })).toThrow(
      'LNMT2006 [ml-infra/pool]: the node pool needs subnetIds of the adopted cluster; pass subnetIds to EksCluster.fromCluster',
    );
  });

  it('refuses the name of another pool of the same cluster, and that of the system pool', () => {
    const test = new ComputeStack();
    const cluster = test.adoptedCluster();
    const pool = (id: string, name: string): INodePool =>
      test.cloud.compute.nodePool(test.stack, id, { cluster, name, maxNodes: 1 });
    pool('first', 'general');
    expect(() => pool('second', 'general')).toThrow(
      'LNMT2012 [ml-infra/second]: name is that of another pool of the cluster; got "general"; allowed: any but system, general; give the pool another name',
    );
    expect(codeOf(() => pool('third', 'system'))).toBe('LNMT2012');
  });

  it('makes a long or capital name legal, the same for nodes and pods', () => {
    const name = `Research.${'x'.repeat(80)}`;
    const pool = cpuPool(new ComputeStack(), { name });
    expect(pool.poolName).toMatch(/^research-x+-[0-9a-f]{10}$/);
    const [object] = objectsOf(pool);
    expect(object?.metadata.name.length).toBeLessThanOrEqual(63);
    expect(pool.placement.nodeSelector).toEqual({ 'lnmt.dev/node-pool': pool.poolName });
  });
});
