import type { Addon } from './addon';
import { CATALOGUE } from './catalogue';

/** Where the controller of the driver runs; the cloud binds its identity to this service account. */
export const FSX_CSI_DRIVER = { namespace: 'kube-system', serviceAccountName: 'fsx-csi-controller-sa' } as const;

/** Options of {@link fsxCsiDriver}. */
export interface FsxCsiDriverOptions {
  /** Service account of the controller. @default - that of {@link FSX_CSI_DRIVER} */
  readonly serviceAccountName?: string;
}

/**
 * The CSI driver of FSx for Lustre. The kubelet gives volumes to the group of their pods: a new file system belongs to root, and pods
 * of others could not write there. Left to itself the driver lets that be done only to volumes of one pod.
 *
 * @see https://github.com/kubernetes-sigs/aws-fsx-csi-driver
 * @see https://kubernetes-csi.github.io/docs/support-fsgroup.html
 */
export function fsxCsiDriver(options: FsxCsiDriverOptions = {}): Addon {
  const name = options.serviceAccountName ?? FSX_CSI_DRIVER.serviceAccountName;
  return {
    name: 'aws-fsx-csi-driver',
    layer: '10-operators',
    namespace: FSX_CSI_DRIVER.namespace,
    podSecurity: { level: 'privileged', reason: 'a CSI node plugin mounts file systems on the node' },
    chart: CATALOGUE.awsFsxCsiDriver,
    values: {
      controller: { serviceAccount: { create: true, name } },
      node: { tolerateAllTaints: true },
      csidriver: { fsGroupPolicy: 'File' },
    },
  };
}
