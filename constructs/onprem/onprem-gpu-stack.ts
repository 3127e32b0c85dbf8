import type { GpuStack } from '../gpu-stack';

/**
 * Who owns driver, toolkit and device plugin of the GPU nodes.
 *
 * @see https://docs.nvidia.com/datacenter/cloud-native/gpu-operator/latest/getting-started.html
 */
export class OnPremGpuStack implements GpuStack {
  /** The GPU operator installs everything on bare nodes. */
  static operator(): OnPremGpuStack {
    return new OnPremGpuStack('operator', 'gpu-operator');
  }

  /** The nodes come with a driver (DGX OS, a golden image); the operator adds toolkit and device plugin. */
  static preinstalledDriver(): OnPremGpuStack {
    return new OnPremGpuStack('preinstalled-driver', 'node-image');
  }

  readonly toolkit = 'gpu-operator';
  readonly devicePlugin = 'gpu-operator';

  private constructor(
    readonly mode: string,
    readonly driver: 'gpu-operator' | 'node-image',
  ) {}
}
