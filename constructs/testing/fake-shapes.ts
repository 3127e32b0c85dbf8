import { Accelerator } from '../accelerators';
import type { NodeShape } from '../select-shape';

/** Node shapes of the fake cloud: a few of each kind, so that every rule of the choice can be met. */
export const FAKE_SHAPES: readonly NodeShape[] = [
  { name: 'fake.small', gpus: 0, vcpus: 2, memoryGiB: 8, architecture: 'amd64' },
  { name: 'fake.medium', gpus: 0, vcpus: 4, memoryGiB: 16, architecture: 'amd64' },
  { name: 'fake.medium-arm', gpus: 0, vcpus: 4, memoryGiB: 16, architecture: 'arm64' },
  { name: 'fake.large', gpus: 0, vcpus: 16, memoryGiB: 64, architecture: 'amd64' },
  { name: 'fake.t4', accelerator: Accelerator.NVIDIA_T4, gpus: 1, vcpus: 4, memoryGiB: 16, architecture: 'amd64' },
  { name: 'fake.l4', accelerator: Accelerator.NVIDIA_L4, gpus: 1, vcpus: 8, memoryGiB: 32, architecture: 'amd64' },
  { name: 'fake.4xl4', accelerator: Accelerator.NVIDIA_L4, gpus: 4, vcpus: 48, memoryGiB: 192, architecture: 'amd64' },
  {
    name: 'fake.8xa100',
    accelerator: Accelerator.NVIDIA_A100_80GB,
    gpus: 8,
    vcpus: 96,
    memoryGiB: 1024,
    architecture: 'amd64',
    fabric: { kind: 'infiniband', interfaces: 4 },
    localStorageGB: 8000,
  },
  {
    name: 'fake.8xh100',
    accelerator: Accelerator.NVIDIA_H100,
    gpus: 8,
    vcpus: 192,
    memoryGiB: 2048,
    architecture: 'amd64',
    fabric: { kind: 'efa', interfaces: 32 },
    localStorageGB: 30000,
  },
];
