import type { Addon } from './addon';
import { CATALOGUE } from './catalogue';

/** Options of {@link csiDriverNfs}. */
export interface CsiDriverNfsOptions {
  /** Host name or address of the NFS server; may be late-bound. */
  readonly server: string;
  /** Exported folder; volumes become folders below it. */
  readonly share: string;
  /** Name of the StorageClass that is made for it. */
  readonly storageClassName: string;
}

/** The NFS CSI driver with one StorageClass. @see https://github.com/kubernetes-csi/csi-driver-nfs */
export function csiDriverNfs(options: CsiDriverNfsOptions): Addon {
  return {
    name: 'csi-driver-nfs',
    layer: '10-operators',
    namespace: 'kube-system',
    podSecurity: { level: 'privileged', reason: 'a CSI node plugin mounts file systems on the node' },
    chart: CATALOGUE.csiDriverNfs,
    values: {
      storageClass: {
        create: true,
        name: options.storageClassName,
        parameters: { server: options.server, share: options.share, onDelete: 'retain' },
        reclaimPolicy: 'Retain',
        mountOptions: ['nfsvers=4.1', 'hard'],
      },
    },
  };
}
