import { Accelerator, Capacity } from 'lnmt';
import { OnPremGpuStack, ONPREM_GPU_SERVERS } from 'lnmt/onprem';
import type { AdoptedPool } from 'lnmt/onprem';
import { describe, expect, it } from 'vitest';
import { addonsOf, Bench, SITE } from './site';

const H100 = Accelerator.NVIDIA_H100;

describe('pools of an inventory', () => {
  it('use nodes that are there, and select them by the label of the pool', () => {
    const { cloud, cluster, stack } = new Bench();
    const pool = cloud.compute.nodePool(stack, 'nodes', { cluster, name: 'general', maxNodes: 20 });
    expect(pool.placement).toEqual({ nodeSelector: { 'lnmt.dev/node-pool': 'general' }, tolerations: [] });
    expect(pool.shape.name).toBe('32cpu-128gib');
    expect(pool.maxNodes).toBe(3);
  });

  it('tolerate the taint of accelerator nodes and bring the GPU operator', () => {
    const { cloud, cluster, stack } = new Bench();
    const pool = cloud.compute.gpuNodePool(stack, 'gpus', {
      cluster,
      name: 'trainers',
      accelerator: H100,
      gpusPerNode: 8,
      maxNodes: 4,
    });
    expect(pool).toMatchObject({ shape: { name: 'dgx-h100' }, minNodes: 0, maxNodes: 4, fabricResources: {} });
    expect(pool.placement.tolerations).toEqual([{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }]);
    expect(addonsOf(pool)).toEqual(['gpu-operator']);
    expect((pool as AdoptedPool).labelCommand).toBe(
      'kubectl label nodes --selector example.com/kind=dgx --overwrite ' +
        'lnmt.dev/node-pool=trainers lnmt.dev/accelerator=nvidia-h100 && ' +
        'kubectl taint nodes --selector example.com/kind=dgx --overwrite nvidia.com/gpu=present:NoSchedule',
    );
  });

  it('leave to the GPU operator what the nodes do not have', () => {
    const owners = [OnPremGpuStack.operator(), OnPremGpuStack.preinstalledDriver()].map((gpuStack) => {
      const { cloud, cluster, stack } = new Bench({ gpuStack });
      const props = { cluster, name: 'trainers', accelerator: H100, maxNodes: 1 };
      const [addon] = cloud.compute.gpuNodePool(stack, 'gpus', props).kubernetes.addons;
      return ['driver', 'toolkit', 'devicePlugin'].map(
        (part) => (addon?.values?.[part] as { enabled: boolean }).enabled,
      );
    });
    expect(owners).toEqual([
      [true, true, true],
      [false, true, true],
    ]);
  });

  it('ask for the fast fabric by the resource that the site states', () => {
    const row = { pool: 'trainers', shape: ONPREM_GPU_SERVERS.dgxH100, count: 4 };
    const fabricResources = { 'rdma/hca_shared_devices_a': '1' };
    const { cloud, cluster, stack } = new Bench({ nodes: [{ ...row, fabricResources }] });
    const props = { cluster, name: 'trainers', accelerator: H100, maxNodes: 1 };
    expect(cloud.compute.gpuNodePool(stack, 'a', { ...props, fabric: 'auto' }).fabricResources).toEqual(
      fabricResources,
    );
    expect(cloud.compute.gpuNodePool(stack, 'b', props).fabricResources).toEqual({});
  });

  it('follow the prices of the user', () => {
    const nodes = [
      { shape: { name: 'old', vcpus: 32, memoryGiB: 128 }, count: 3 },
      { shape: { name: 'new', vcpus: 64, memoryGiB: 512 }, count: 3 },
    ];
    const { cloud, cluster, stack } = new Bench({ nodes });
    const props = { cluster, name: 'general', maxNodes: 1 };
    expect(cloud.compute.nodePool(stack, 'a', props).shape.name).toBe('old');
    expect(cloud.compute.nodePool(stack, 'b', { ...props, prices: { new: 1, old: 2 } }).shape.name).toBe('new');
  });
});

describe('pools of an inventory refuse', () => {
  const { cloud, cluster, stack } = new Bench();
  const gpus = { cluster, name: 'trainers', accelerator: H100, maxNodes: 4 };
  const attempt = (id: string, changes: object) => () => cloud.compute.gpuNodePool(stack, id, { ...gpus, ...changes });

  it('more accelerator nodes than there are', () => {
    expect(attempt('a', { maxNodes: 5 })).toThrow(
      'LNMT1007 [ml]: onprem does not offer node-provisioning: machines are bought, not provisioned; ' +
        'pool trainers asks for 5 nodes (maxNodes) and has 4 of shape dgx-h100; lower maxNodes',
    );
  });

  it('a floor that is higher than the inventory', () => {
    const props = { cluster, name: 'general', minNodes: 4, maxNodes: 9 };
    expect(() => cloud.compute.nodePool(stack, 'b', props)).toThrow(
      'LNMT2307 [ml]: minNodes of pool general is above what the inventory lists; got 4 nodes; ' +
        'allowed: 3 nodes of shape 32cpu-128gib; lower minNodes, or add the machines to nodes of OnPremCloud',
    );
  });

  it('reversed bounds', () => {
    expect(attempt('c', { minNodes: 3, maxNodes: 2 })).toThrow('LNMT1003 [ml]: minNodes is above maxNodes');
  });

  it('spot and reserved capacity', () => {
    expect(attempt('d', { capacity: [Capacity.onDemand(), Capacity.spot()] })).toThrow('spot-capacity: nobody takes');
    expect(attempt('e', { capacity: [Capacity.reserved({ id: 'x' })] })).toThrow('reserved-capacity: all machines');
  });

  it('an accelerator that no machine has, with the nearest that one has', () => {
    expect(attempt('f', { accelerator: Accelerator.NVIDIA_B200 })).toThrow(
      'LNMT1006 [ml]: pool trainers of plant-7 has no node shape with 1 x nvidia-b200, 1 vCPU, 1 GiB; ' +
        'allowed: nearest offers: dgx-h100 (8 x nvidia-h100',
    );
  });

  it('machines of another pool, and say which', () => {
    expect(attempt('g', { name: 'other' })).toThrow(
      'LNMT2309 [ml]: pool other has no fitting nodes in the inventory; got fitting nodes of pool trainers; ' +
        'allowed: nodes of pool other, or nodes that name no pool; name the pool as the inventory does',
    );
  });

  it('a fabric that the site does not describe', () => {
    expect(attempt('h', { fabric: 'auto' })).toThrow(
      'LNMT2308 [ml]: fabric of pool trainers cannot be used; got shape dgx-h100 without fabricResources; ' +
        "allowed: fabricResources such as { 'rdma/hca_shared_devices_a': '1' }; state fabricResources of the row",
    );
  });
});

describe('an inventory', () => {
  it.each([
    ['no row', [], 'nodes does not describe nodes; got no row'],
    ['no machine', [{ shape: { vcpus: 1, memoryGiB: 1 }, count: 0 }], 'nodes[0].count does not describe nodes; got 0'],
    [
      'half a machine',
      [{ shape: { vcpus: 1, memoryGiB: 1 }, count: 1.5 }],
      'nodes[0].count does not describe nodes; got 1.5',
    ],
    [
      'no memory',
      [{ shape: { vcpus: 1, memoryGiB: 0 }, count: 1 }],
      'nodes[0].memoryGiB does not describe nodes; got 0',
    ],
    [
      'GPUs of no kind',
      [{ shape: { gpus: 2, vcpus: 1, memoryGiB: 1 }, count: 1 }],
      'nodes[0].shape does not describe nodes; got 2 gpus and no accelerator',
    ],
  ])('refuses %s', (_, nodes, text) => {
    expect(() => new Bench({ ...SITE, nodes })).toThrow(`LNMT2301: ${text}; allowed: at least one row with count`);
  });
});
