import type { NodeShape } from '../select-shape';
import { AWS_CPU_SHAPES } from './cpu-shapes';

/**
 * Instance types of virtual machines: small burstable ones, then those of nodes.
 *
 * @see https://aws.amazon.com/ec2/instance-types/t3/
 */
export const AWS_VM_SHAPES: readonly NodeShape[] = [
  { name: 't3.small', gpus: 0, vcpus: 2, memoryGiB: 2, architecture: 'amd64' },
  { name: 't3.medium', gpus: 0, vcpus: 2, memoryGiB: 4, architecture: 'amd64' },
  // Bastions and gateways are idle most of the time: compute-optimized types are never better.
  ...AWS_CPU_SHAPES.filter((shape) => !shape.name.startsWith('c')),
];
