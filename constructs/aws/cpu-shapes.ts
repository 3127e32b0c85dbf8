import type { Architecture, NodeShape } from '../select-shape';

type Size = readonly [size: string, vcpus: number, memoryGiB: number];

function family(name: string, architecture: Architecture, sizes: readonly Size[]): NodeShape[] {
  return sizes.map(([size, vcpus, memoryGiB]) => ({
    name: `${name}.${size}`,
    gpus: 0,
    vcpus,
    memoryGiB,
    architecture,
  }));
}

/**
 * Instance types without accelerators: balanced (m7i, m7g on Arm), compute (c7i) and memory (r7i) families; size, vCPUs,
 * memory in GiB.
 *
 * @see https://karpenter.sh/docs/reference/instance-types/ as of August 2026
 */
export const AWS_CPU_SHAPES: readonly NodeShape[] = [
  ...family('m7i', 'amd64', [
    ['large', 2, 8],
    ['xlarge', 4, 16],
    ['2xlarge', 8, 32],
    ['4xlarge', 16, 64],
    ['8xlarge', 32, 128],
    ['12xlarge', 48, 192],
    ['16xlarge', 64, 256],
    ['24xlarge', 96, 384],
    ['48xlarge', 192, 768],
  ]),
  ...family('c7i', 'amd64', [
    ['large', 2, 4],
    ['xlarge', 4, 8],
    ['2xlarge', 8, 16],
    ['4xlarge', 16, 32],
    ['8xlarge', 32, 64],
    ['12xlarge', 48, 96],
    ['16xlarge', 64, 128],
    ['24xlarge', 96, 192],
    ['48xlarge', 192, 384],
  ]),
  ...family('r7i', 'amd64', [
    ['large', 2, 16],
    ['xlarge', 4, 32],
    ['2xlarge', 8, 64],
    ['4xlarge', 16, 128],
    ['8xlarge', 32, 256],
    ['12xlarge', 48, 384],
    ['16xlarge', 64, 512],
    ['24xlarge', 96, 768],
    ['48xlarge', 192, 1536],
  ]),
  ...family('m7g', 'arm64', [
    ['large', 2, 8],
    ['xlarge', 4, 16],
    ['2xlarge', 8, 32],
    ['4xlarge', 16, 64],
    ['8xlarge', 32, 128],
    ['12xlarge', 48, 192],
    ['16xlarge', 64, 256],
  ]),
];
