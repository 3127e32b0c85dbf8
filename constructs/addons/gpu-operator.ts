import type { GpuStack } from '../gpu-stack';
import { GPU_TAINT } from '../scheduling';
import type { Addon, HelmValues } from './addon';
import { CATALOGUE } from './catalogue';
import { gpuOperatorNotNeeded } from './errors';

/** Options of {@link gpuOperator}. */
export interface GpuOperatorOptions {
  /** Owners of driver, toolkit and device plugin: what the operator does not own it must not install. */
  readonly stack: GpuStack;
}

/**
 * NVIDIA's GPU operator with exactly the parts that the stack leaves to it, beside feature discovery and the metrics exporter.
 *
 * @see https://docs.nvidia.com/datacenter/cloud-native/gpu-operator/latest/
 * @throws LNMT3100 when the cloud owns every part
 */
export function gpuOperator({ stack }: GpuOperatorOptions): Addon {
  const owners = [stack.driver, stack.toolkit, stack.devicePlugin];
  if (owners.every((owner) => owner === 'cloud')) throw gpuOperatorNotNeeded(stack.mode);
  return {
    name: 'gpu-operator',
    layer: '10-operators',
    namespace: 'gpu-operator',
    podSecurity: {
      level: 'privileged',
      reason: 'driver, toolkit and device plugin load kernel modules and write to the node',
    },
    chart: CATALOGUE.gpuOperator,
    values: valuesOf(stack),
    provides: ['nvidia.com', 'nfd.k8s-sigs.io'],
  };
}

function valuesOf(stack: GpuStack): HelmValues {
  const owns = (part: 'driver' | 'toolkit' | 'devicePlugin'): boolean => stack[part] === 'gpu-operator';
  return {
    driver: { enabled: owns('driver') },
    toolkit: { enabled: owns('toolkit'), ...(owns('toolkit') ? { env: TOOLKIT_ENV } : {}) },
    devicePlugin: { enabled: owns('devicePlugin'), ...(owns('devicePlugin') ? { env: DEVICE_PLUGIN_ENV } : {}) },
    cdi: { enabled: true },
    // MIG layouts are written through the device plugin's owner; two writers would fight over a node.
    migManager: { enabled: owns('devicePlugin') },
    dcgmExporter: { enabled: true, serviceMonitor: { enabled: true } },
    daemonsets: { tolerations: [{ key: GPU_TAINT.key, operator: 'Exists', effect: GPU_TAINT.effect }] },
    operator: { upgradeCRD: true, cleanupCRD: false },
  };
}

// A container gets the GPUs that it was allotted, and none by naming them in its environment.
const TOOLKIT_ENV = [
  { name: 'ACCEPT_NVIDIA_VISIBLE_DEVICES_ENVVAR_WHEN_UNPRIVILEGED', value: 'false' },
  { name: 'ACCEPT_NVIDIA_VISIBLE_DEVICES_AS_VOLUME_MOUNTS', value: 'true' },
] as const;
const DEVICE_PLUGIN_ENV = [{ name: 'DEVICE_LIST_STRATEGY', value: 'volume-mounts' }] as const;
