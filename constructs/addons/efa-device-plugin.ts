import { GPU_TAINT } from '../scheduling';
import type { Addon } from './addon';
import { CATALOGUE } from './catalogue';

/** Extended resource of one EFA interface. @see https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html */
export const EFA_RESOURCE = 'vpc.amazonaws.com/efa';

/** AWS's device plugin for Elastic Fabric Adapters; it runs on the instance types that have one. */
export function efaDevicePlugin(): Addon {
  return {
    name: 'aws-efa-k8s-device-plugin',
    layer: '10-operators',
    namespace: 'kube-system',
    podSecurity: { level: 'privileged', reason: 'a device plugin hands devices of the node to pods' },
    chart: CATALOGUE.awsEfaDevicePlugin,
    values: { tolerations: [{ key: GPU_TAINT.key, operator: 'Exists', effect: GPU_TAINT.effect }] },
  };
}
