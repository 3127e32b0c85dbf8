import { TerraformOutput } from 'cdktf';
import { Construct } from 'constructs';
import { FakeCloud, synthTerraform, testStack } from 'lnmt/testing';
import { expect, it } from 'vitest';
import { Accelerator } from '../../../constructs/accelerators';
import { ClusterAccess } from '../../../constructs/cloud/cluster';
import { Capacity } from '../../../constructs/capacity';

it('records calls with method, path and props, in order', () => {
  const cloud = new FakeCloud();
  const scope = new Construct(testStack(), 'ml');
  const props = { naming: ['ml'], cidr: '10.1.0.0/16' };
  cloud.compute.network(scope, 'network', props);
  cloud.storage.objectStore(scope, 'models', { naming: ['ml', 'models'] });
  expect(cloud.calls).toEqual([
    { method: 'compute.network', path: 'test/ml/network', props },
    { method: 'storage.objectStore', path: 'test/ml/models', props: { naming: ['ml', 'models'] } },
  ]);
});

it('throws an ordered failure until it is reset', () => {
  const cloud = new FakeCloud();
  const stack = testStack();
  cloud.failOn('storage.objectStore', new Error('quota'));
  expect(() => cloud.storage.objectStore(stack, 'models', { naming: ['ml'] })).toThrow('quota');
  cloud.reset();
  expect(cloud.calls).toEqual([]);
  expect(cloud.storage.objectStore(stack, 'models', { naming: ['ml'] }).cloud).toBe('fake');
});

it('refuses what it was told to have no offer for', () => {
  const gap = { reason: 'a test said so', alternative: 'do without' };
  const cloud = new FakeCloud({ name: 'poor', gaps: { 'dns-zone': gap, 'spot-capacity': gap } });
  const stack = testStack();
  expect(() => cloud.operations.dnsZone(stack, 'zone', { naming: ['ml'], domainName: 'example.com' })).toThrow(
    'LNMT1007 [test]: poor does not offer dns-zone: a test said so; do without',
  );
  const network = cloud.compute.network(stack, 'network', { naming: ['ml'] });
  const access = ClusterAccess.insideNetwork();
  const cluster = cloud.compute.cluster(stack, 'cluster', { naming: ['ml'], network, version: '1.36', access });
  const pool = { cluster, name: 'gpus', accelerator: Accelerator.NVIDIA_T4, maxNodes: 1 };
  expect(() => cloud.compute.gpuNodePool(stack, 'gpus', { ...pool, capacity: [Capacity.spot()] })).toThrow(
    'poor does not offer spot-capacity',
  );
});

it('binds what a real cloud knows late as expressions', () => {
  const stack = testStack();
  const store = new FakeCloud().storage.objectStore(stack, 'models', { naming: ['ml', 'models'] });
  new TerraformOutput(stack, 'uri', { value: store.uri });
  expect(synthTerraform(stack).outputs['uri']).toEqual({ value: '${terraform_data.ml_models_objects.output.uri}' });
});

it('grants below the identity, once for each store and right', () => {
  const cloud = new FakeCloud();
  const stack = testStack();
  const network = cloud.compute.network(stack, 'network', { naming: ['ml'] });
  const access = ClusterAccess.insideNetwork();
  const cluster = cloud.compute.cluster(stack, 'cluster', { naming: ['ml'], network, version: '1.36', access });
  const store = cloud.storage.objectStore(stack, 'models', { naming: ['ml', 'models'] });
  const identity = cloud.security.workloadIdentity(stack, 'identity', {
    cluster,
    namespace: 'models',
    serviceAccountName: 'digits',
    naming: ['ml', 'digits'],
  });
  store.grants.read(identity);
  store.grants.read(identity);
  const grants = synthTerraform(stack)
    .resources('terraform_data')
    .map((body) => body['input'])
    .filter((input) => typeof input === 'object' && input !== null && 'grant' in input);
  expect(grants).toEqual([{ grant: 'read', uri: '${terraform_data.ml_models_objects.output.uri}', prefix: '' }]);
});
