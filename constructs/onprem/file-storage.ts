/** Options of {@link OnPremFileStorage.nfs}. */
export interface NfsOptions {
  /** Host name or address of the server. */
  readonly server: string;
  /** Exported folder; each volume is a folder below it. */
  readonly share: string;
}

/** Where files are kept that many pods mount at once. */
export class OnPremFileStorage {
  /** An NFS server, through the NFS CSI driver. */
  static nfs(options: NfsOptions): OnPremFileStorage {
    return new OnPremFileStorage(options, undefined);
  }

  /**
   * A provisioner with ReadWriteMany volumes that the cluster has, e.g. CephFS of Rook; the shared class is made with the
   * same parameters.
   */
  static csi(options: CsiOptions): OnPremFileStorage {
    return new OnPremFileStorage(undefined, options);
  }

  private constructor(
    readonly nfs: NfsOptions | undefined,
    readonly csi: CsiOptions | undefined,
  ) {}
}

/** Options of {@link OnPremFileStorage.csi}. */
export interface CsiOptions {
  /** Name of the CSI driver, e.g. `rook-ceph.cephfs.csi.ceph.com`. */
  readonly provisioner: string;
  /** Parameters of its StorageClass. @see https://kubernetes.io/docs/concepts/storage/storage-classes/#parameters */
  readonly parameters: Readonly<Record<string, string>>;
}
