import { FAKE_SHAPES, testStack } from 'lnmt/testing';
import { expect, it } from 'vitest';
import { Accelerator } from '../../constructs/accelerators';
import { selectShape } from '../../constructs/select-shape';

const name = (...args: Parameters<typeof selectShape>): string => selectShape(...args).name;

it('takes the smallest shape that holds the request', () => {
  expect(name('fake', FAKE_SHAPES, { vcpus: 3 })).toBe('fake.medium');
  expect(name('fake', FAKE_SHAPES, { accelerator: Accelerator.NVIDIA_L4 })).toBe('fake.l4');
  expect(name('fake', FAKE_SHAPES, { accelerator: Accelerator.NVIDIA_L4, gpus: 2 })).toBe('fake.4xl4');
});

it('never gives a node with accelerators to who asks for none', () => {
  expect(selectShape('fake', FAKE_SHAPES, { vcpus: 16 }).accelerator).toBeUndefined();
});

it('prefers amd64 among equals, and keeps to an architecture that is asked for', () => {
  expect(name('fake', FAKE_SHAPES, { vcpus: 4 })).toBe('fake.medium');
  expect(name('fake', FAKE_SHAPES, { vcpus: 4, architecture: 'arm64' })).toBe('fake.medium-arm');
});

it('follows the prices of the user, and takes shapes without a price last', () => {
  expect(name('fake', FAKE_SHAPES, { vcpus: 2 }, { 'fake.large': 1, 'fake.small': 2 })).toBe('fake.large');
  expect(name('fake', FAKE_SHAPES, { vcpus: 2 }, { 'fake.large': 1 })).toBe('fake.large');
});

it('refuses what nobody offers and lists the nearest offers, the same accelerator first', () => {
  expect(() => name('fake', FAKE_SHAPES, { accelerator: Accelerator.NVIDIA_H100, gpus: 16 }, {}, testStack())).toThrow(
    'LNMT1006 [test]: fake has no node shape with 16 x nvidia-h100, 1 vCPU, 1 GiB; ' +
      'allowed: nearest offers: fake.8xh100 (8 x nvidia-h100, 192 vCPU, 2048 GiB);',
  );
});

it('refuses a request to an empty table', () => {
  expect(() => name('onprem', [], { vcpus: 1 })).toThrow('allowed: nothing comparable is offered');
});
