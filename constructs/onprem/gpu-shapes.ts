import { Accelerator } from '../accelerators';
import type { NodeShape } from '../select-shape';

/**
 * Servers that many sites have, as their vendor describes them, for the inventory: `{ shape: ONPREM_GPU_SERVERS.dgxH100, count: 4 }`.
 * vCPUs are hardware threads; a fabric counts the compute interfaces.
 *
 * @see https://docs.nvidia.com/dgx/
 */
export const ONPREM_GPU_SERVERS = {
  dgxA100: {
    name: 'dgx-a100',
    accelerator: Accelerator.NVIDIA_A100_80GB,
    gpus: 8,
    vcpus: 256,
    memoryGiB: 2048,
    architecture: 'amd64',
    fabric: { kind: 'infiniband', interfaces: 8 },
    localStorageGB: 30720,
  },
  dgxH100: {
    name: 'dgx-h100',
    accelerator: Accelerator.NVIDIA_H100,
    gpus: 8,
    vcpus: 224,
    memoryGiB: 2048,
    architecture: 'amd64',
    fabric: { kind: 'infiniband', interfaces: 8 },
    localStorageGB: 30720,
  },
  dgxH200: {
    name: 'dgx-h200',
    accelerator: Accelerator.NVIDIA_H200,
    gpus: 8,
    vcpus: 224,
    memoryGiB: 2048,
    architecture: 'amd64',
    fabric: { kind: 'infiniband', interfaces: 8 },
    localStorageGB: 30720,
  },
  dgxB200: {
    name: 'dgx-b200',
    accelerator: Accelerator.NVIDIA_B200,
    gpus: 8,
    vcpus: 224,
    memoryGiB: 2048,
    architecture: 'amd64',
    fabric: { kind: 'infiniband', interfaces: 8 },
    localStorageGB: 30720,
  },
} as const satisfies Record<string, NodeShape>;
