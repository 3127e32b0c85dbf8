import { Construct } from 'constructs';
import { FakeResource, synthTerraform, testStack } from 'lnmt/testing';
import { describe, expect, it } from 'vitest';
import { Accelerator } from '../../constructs/accelerators';
import { Capacity } from '../../constructs/capacity';
import { ClusterAccess } from '../../constructs/cloud/cluster';
import { expectDocumentApi } from '../../constructs/cloud/document-store';
import type { IDocumentStore } from '../../constructs/cloud/document-store';
import { Block } from '../../constructs/cloud/building-block';
import { GPU_TAINT, poolLabels, poolPlacement } from '../../constructs/scheduling';
import { moved, stateful } from '../../constructs/stateful';
import { KUBERNETES_VERSIONS, kubernetesVersion } from '../../constructs/versions';

describe('Accelerator', () => {
  const listed = Object.values(Accelerator).filter((value) => value instanceof Accelerator);

  it('has distinct names that are legal label values', () => {
    const names = listed.map(String);
    expect(names.length).toBeGreaterThan(10);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !/^[a-z0-9-]{1,63}$/.test(name))).toEqual([]);
  });

  it('is asked for under the resource of its device plugin', () => {
    expect(Accelerator.NVIDIA_H100).toMatchObject({ resourceName: 'nvidia.com/gpu', memoryGiB: 80 });
    expect(Accelerator.custom('mine', { memoryGiB: 4, resourceName: 'example.com/npu' }).resourceName).toBe(
      'example.com/npu',
    );
  });
});

describe('Capacity', () => {
  it('names its rung and its reservation', () => {
    expect(Capacity.spot()).toMatchObject({ kind: 'spot', isBlock: false });
    expect(Capacity.onDemand()).toMatchObject({ kind: 'on-demand' });
    expect(Capacity.reserved({ id: 'cr-1' })).toMatchObject({ kind: 'reserved', reservation: { id: 'cr-1' } });
    expect(Capacity.block('cr-2')).toMatchObject({ kind: 'reserved', isBlock: true, reservation: { id: 'cr-2' } });
  });

  it.each([
    [{}, '0 of them'],
    [{ id: 'cr-1', tags: { team: 'ml' } }, '2 of them'],
  ])('refuses a reservation with %o', (selector, got) => {
    expect(() => Capacity.reserved(selector)).toThrow(
      `LNMT1002: Capacity.reserved takes exactly one of id and tags; got ${got}; give the id of the reservation`,
    );
  });
});

describe('ClusterAccess', () => {
  it('keeps the ranges, or has none inside the network', () => {
    expect(ClusterAccess.publicFrom('203.0.113.0/24').publicCidrs).toEqual(['203.0.113.0/24']);
    expect(ClusterAccess.insideNetwork().publicCidrs).toEqual([]);
  });

  it.each([[[]], [['0.0.0.0/0']], [['203.0.113.1']], [['203.0.113.0/24', 'everywhere']]])('refuses %j', (cidrs) => {
    expect(() => ClusterAccess.publicFrom(...cidrs)).toThrow('LNMT1014');
  });
});

describe('Block', () => {
  it('is created, existing or off', () => {
    expect(Block.create({ storageGiB: 1 })).toMatchObject({ kind: 'create', options: { storageGiB: 1 } });
    expect(Block.existing('a block')).toMatchObject({ kind: 'existing', block: 'a block' });
    expect(Block.off()).toMatchObject({ kind: 'off', options: undefined, block: undefined });
  });
});

describe('expectDocumentApi', () => {
  const store = { api: 'mongodb' } as IDocumentStore;

  it('accepts a store whose API the consumer speaks', () => {
    expect(() => expectDocumentApi(testStack(), store, ['dynamodb', 'mongodb'])).not.toThrow();
  });

  it('refuses any other', () => {
    expect(() => expectDocumentApi(testStack(), store, ['dynamodb'])).toThrow('LNMT1015 [test]');
  });
});

describe('scheduling', () => {
  it('places pods by the label that nodes of the pool carry', () => {
    const labels = poolLabels('gpus', Accelerator.NVIDIA_T4);
    expect(labels).toEqual({ 'lnmt.dev/node-pool': 'gpus', 'lnmt.dev/accelerator': 'nvidia-t4' });
    const { nodeSelector, tolerations } = poolPlacement('gpus', [GPU_TAINT]);
    expect(labels).toMatchObject(nodeSelector);
    expect(tolerations).toEqual([{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }]);
  });

  it('tolerates nothing unless it is told to', () => {
    expect(poolPlacement('general').tolerations).toEqual([]);
    expect(poolLabels('general')).toEqual({ 'lnmt.dev/node-pool': 'general' });
  });
});

describe('kubernetesVersion', () => {
  it.each(KUBERNETES_VERSIONS)('accepts %s', (version) => {
    expect(kubernetesVersion(version)).toBe(version);
  });

  it('is 1.36 unless another one is asked for', () => {
    expect(kubernetesVersion(undefined)).toBe('1.36');
  });

  it.each(['1.33', '1.38', '1.36.0', 'latest', ''])('refuses %j and lists the minors', (version) => {
    expect(() => kubernetesVersion(version, testStack())).toThrow(
      `LNMT1005 [test]: kubernetesVersion is not supported; got ${JSON.stringify(version)}; allowed: 1.34, 1.35, 1.36, 1.37`,
    );
  });
});

describe('stateful', () => {
  const bucketAt = (...path: readonly string[]): FakeResource => {
    const scope = path.reduce<Construct>((parent, id) => new Construct(parent, id), testStack());
    return new FakeResource(scope, 'Resource', {});
  };

  it('pins the address to its parts, wherever the construct stands', () => {
    const addresses = [bucketAt('a', 'b'), bucketAt('elsewhere')].map((resource) => {
      stateful(resource, ['ml', 'models'], 'retain');
      return resource.friendlyUniqueId;
    });
    expect(addresses).toEqual(['ml_models', 'ml_models']);
  });

  it('guards against being destroyed, and keeps what the lifecycle says besides', () => {
    const stack = testStack();
    const resource = new FakeResource(stack, 'Resource', {});
    resource.lifecycle = { ignoreChanges: ['input'] };
    stateful(resource, ['ml'], 'retain');
    expect(synthTerraform(stack).at('terraform_data.ml')).toMatchObject({
      lifecycle: { prevent_destroy: true, ignore_changes: ['input'] },
    });
  });

  it('guards nothing that is to be destroyed', () => {
    const stack = testStack();
    stateful(new FakeResource(stack, 'Resource', {}), ['ml'], 'destroy');
    expect(synthTerraform(stack).at('terraform_data.ml')).toEqual({ input: {} });
  });
});

describe('moved', () => {
  it('writes a block for each move, for Terraform to follow', () => {
    const stack = testStack();
    new FakeResource(stack, 'new', {});
    moved(stack, 'terraform_data.old', 'terraform_data.new');
    moved(stack, 'terraform_data.older', 'terraform_data.newer');
    expect(synthTerraform(stack).document['moved']).toEqual([
      { from: 'terraform_data.old', to: 'terraform_data.new' },
      { from: 'terraform_data.older', to: 'terraform_data.newer' },
    ]);
  });
});
