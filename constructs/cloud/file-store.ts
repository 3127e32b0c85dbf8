import type { IBuildingBlock, StatefulProps } from './building-block';
import type { ICluster } from './cluster';
import type { IEncryptionKey } from './encryption-key';
import type { INetwork } from './network';

/** Name of the ReadWriteMany storage class, the same on every target. */
export const SHARED_STORAGE_CLASS = 'lnmt-shared';

/** Options of a file store that users choose. */
export interface FileStoreOptions {
  /** Size in GiB where the target wants one; elastic elsewhere. @default 1024 */
  readonly sizeGiB?: number;
}

/** Props of a file store. */
export interface FileStoreProps extends FileStoreOptions, StatefulProps {
  readonly network: INetwork;
  readonly cluster: ICluster;
  /** @default - the cloud's own key */
  readonly encryptionKey?: IEncryptionKey;
}

/** A file system that many pods mount at once, through a StorageClass named {@link SHARED_STORAGE_CLASS}. */
export interface IFileStore extends IBuildingBlock {
  readonly storageClassName: string;
}
