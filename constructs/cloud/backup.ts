import type { IBuildingBlock, StatefulProps } from './building-block';
import type { ICluster } from './cluster';
import type { IEncryptionKey } from './encryption-key';
import type { IObjectStore } from './object-store';

/** Options of backups that users choose. */
export interface BackupOptions {
  /** Days that daily backups are kept, 7 to 365. @default 35 */
  readonly retentionDays?: number;
  /** Hour of the day (UTC), 0 to 23. @default 3 */
  readonly hour?: number;
}

/** Props of backups. */
export interface BackupProps extends BackupOptions, StatefulProps {
  readonly cluster: ICluster;
  /** Stateful blocks to back up. */
  readonly targets: readonly IBuildingBlock[];
  /** Receives cluster backups where the target has no backup service. @default - none */
  readonly store?: IObjectStore;
  /** @default - the cloud's own key */
  readonly encryptionKey?: IEncryptionKey;
}

/** Daily backups of everything stateful. */
export interface IBackup extends IBuildingBlock {
  readonly retentionDays: number;
}
