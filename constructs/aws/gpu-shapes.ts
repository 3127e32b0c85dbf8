import { Accelerator } from '../accelerators';
import type { NodeShape } from '../select-shape';

function gpu(
  name: string,
  accelerator: Accelerator,
  gpus: number,
  vcpus: number,
  memoryGiB: number,
  localStorageGB: number,
  efaInterfaces: number,
): NodeShape {
  return {
    name,
    accelerator,
    gpus,
    vcpus,
    memoryGiB,
    architecture: 'amd64',
    localStorageGB,
    ...(efaInterfaces > 0 ? { fabric: { kind: 'efa', interfaces: efaInterfaces } } : {}),
  };
}

/**
 * GPU instance types: name, accelerator, count, vCPUs, memory in GiB, local NVMe in GB, EFA interfaces.
 * Fractional types (g6f) are left out: they advertise no whole `nvidia.com/gpu`.
 *
 * @see https://karpenter.sh/docs/reference/instance-types/ as of August 2026
 * @see https://aws.amazon.com/ec2/instance-types/accelerated-computing/
 */
export const AWS_GPU_SHAPES: readonly NodeShape[] = [
  gpu('g4dn.xlarge', Accelerator.NVIDIA_T4, 1, 4, 16, 125, 0),
  gpu('g4dn.2xlarge', Accelerator.NVIDIA_T4, 1, 8, 32, 225, 0),
  gpu('g4dn.4xlarge', Accelerator.NVIDIA_T4, 1, 16, 64, 225, 0),
  gpu('g4dn.8xlarge', Accelerator.NVIDIA_T4, 1, 32, 128, 900, 1),
  gpu('g4dn.12xlarge', Accelerator.NVIDIA_T4, 4, 48, 192, 900, 1),
  gpu('g4dn.16xlarge', Accelerator.NVIDIA_T4, 1, 64, 256, 900, 1),
  gpu('g4dn.metal', Accelerator.NVIDIA_T4, 8, 96, 384, 1800, 1),
  gpu('g5.xlarge', Accelerator.NVIDIA_A10, 1, 4, 16, 250, 0),
  gpu('g5.2xlarge', Accelerator.NVIDIA_A10, 1, 8, 32, 450, 0),
  gpu('g5.4xlarge', Accelerator.NVIDIA_A10, 1, 16, 64, 600, 0),
  gpu('g5.8xlarge', Accelerator.NVIDIA_A10, 1, 32, 128, 900, 1),
  gpu('g5.12xlarge', Accelerator.NVIDIA_A10, 4, 48, 192, 3800, 1),
  gpu('g5.16xlarge', Accelerator.NVIDIA_A10, 1, 64, 256, 1900, 1),
  gpu('g5.24xlarge', Accelerator.NVIDIA_A10, 4, 96, 384, 3800, 1),
  gpu('g5.48xlarge', Accelerator.NVIDIA_A10, 8, 192, 768, 7600, 1),
  gpu('g6.xlarge', Accelerator.NVIDIA_L4, 1, 4, 16, 250, 0),
  gpu('g6.2xlarge', Accelerator.NVIDIA_L4, 1, 8, 32, 450, 0),
  gpu('g6.4xlarge', Accelerator.NVIDIA_L4, 1, 16, 64, 600, 0),
  gpu('g6.8xlarge', Accelerator.NVIDIA_L4, 1, 32, 128, 900, 1),
  gpu('g6.12xlarge', Accelerator.NVIDIA_L4, 4, 48, 192, 3760, 1),
  gpu('g6.16xlarge', Accelerator.NVIDIA_L4, 1, 64, 256, 1880, 1),
  gpu('g6.24xlarge', Accelerator.NVIDIA_L4, 4, 96, 384, 3760, 1),
  gpu('g6.48xlarge', Accelerator.NVIDIA_L4, 8, 192, 768, 7520, 1),
  gpu('gr6.4xlarge', Accelerator.NVIDIA_L4, 1, 16, 128, 600, 0),
  gpu('gr6.8xlarge', Accelerator.NVIDIA_L4, 1, 32, 256, 900, 1),
  gpu('g6e.xlarge', Accelerator.NVIDIA_L40S, 1, 4, 32, 250, 0),
  gpu('g6e.2xlarge', Accelerator.NVIDIA_L40S, 1, 8, 64, 450, 0),
  gpu('g6e.4xlarge', Accelerator.NVIDIA_L40S, 1, 16, 128, 600, 0),
  gpu('g6e.8xlarge', Accelerator.NVIDIA_L40S, 1, 32, 256, 900, 1),
  gpu('g6e.12xlarge', Accelerator.NVIDIA_L40S, 4, 48, 384, 3800, 1),
  gpu('g6e.16xlarge', Accelerator.NVIDIA_L40S, 1, 64, 512, 1900, 1),
  gpu('g6e.24xlarge', Accelerator.NVIDIA_L40S, 4, 96, 768, 3800, 2),
  gpu('g6e.48xlarge', Accelerator.NVIDIA_L40S, 8, 192, 1536, 7600, 4),
  gpu('g7.2xlarge', Accelerator.NVIDIA_RTX_PRO_4500, 1, 8, 32, 440, 0),
  gpu('g7.4xlarge', Accelerator.NVIDIA_RTX_PRO_4500, 1, 16, 64, 875, 0),
  gpu('g7.8xlarge', Accelerator.NVIDIA_RTX_PRO_4500, 1, 32, 128, 930, 1),
  gpu('g7.12xlarge', Accelerator.NVIDIA_RTX_PRO_4500, 2, 48, 192, 1900, 1),
  gpu('g7.24xlarge', Accelerator.NVIDIA_RTX_PRO_4500, 4, 96, 384, 3800, 1),
  gpu('g7.48xlarge', Accelerator.NVIDIA_RTX_PRO_4500, 8, 192, 768, 7600, 2),
  gpu('g7e.2xlarge', Accelerator.NVIDIA_RTX_PRO_6000, 1, 8, 64, 1900, 0),
  gpu('g7e.4xlarge', Accelerator.NVIDIA_RTX_PRO_6000, 1, 16, 128, 1900, 0),
  gpu('g7e.8xlarge', Accelerator.NVIDIA_RTX_PRO_6000, 1, 32, 256, 1900, 1),
  gpu('g7e.12xlarge', Accelerator.NVIDIA_RTX_PRO_6000, 2, 48, 512, 3800, 1),
  gpu('g7e.24xlarge', Accelerator.NVIDIA_RTX_PRO_6000, 4, 96, 1024, 7600, 2),
  gpu('g7e.48xlarge', Accelerator.NVIDIA_RTX_PRO_6000, 8, 192, 2048, 15200, 4),
  gpu('p4d.24xlarge', Accelerator.NVIDIA_A100_40GB, 8, 96, 1152, 8000, 4),
  gpu('p4de.24xlarge', Accelerator.NVIDIA_A100_80GB, 8, 96, 1152, 8000, 4),
  gpu('p5.4xlarge', Accelerator.NVIDIA_H100, 1, 16, 256, 3800, 1),
  gpu('p5.48xlarge', Accelerator.NVIDIA_H100, 8, 192, 2048, 30400, 32),
  gpu('p5e.48xlarge', Accelerator.NVIDIA_H200, 8, 192, 2048, 30400, 32),
  gpu('p5en.48xlarge', Accelerator.NVIDIA_H200, 8, 192, 2048, 30400, 16),
  gpu('p6-b200.48xlarge', Accelerator.NVIDIA_B200, 8, 192, 2048, 30400, 8),
  gpu('p6-b300.48xlarge', Accelerator.NVIDIA_B300, 8, 192, 4096, 30400, 16),
  // One of the 18 hosts of an UltraServer, on Arm. AWS publishes no count of EFA interfaces for it: no fabric is derived.
  {
    name: 'p6e-gb200.36xlarge',
    accelerator: Accelerator.NVIDIA_GB200,
    gpus: 4,
    vcpus: 144,
    memoryGiB: 960,
    architecture: 'arm64',
    localStorageGB: 22500,
  },
];

/**
 * Types whose network card 0 carries no EFA device, so that the EFA devices start at card 1.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-acc-inst-types.html
 */
export const EFA_STARTS_AT_CARD_ONE: readonly string[] = ['p6-b300.48xlarge'];
