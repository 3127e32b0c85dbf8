import type { EgressRule } from './egress';
import type { IBuildingBlock, StatefulProps } from './building-block';
import type { ICluster } from './cluster';
import type { IEncryptionKey } from './encryption-key';
import type { INetwork } from './network';
import type { ISecret } from './secret';

/** Options of a PostgreSQL database that users choose. */
export interface RelationalDatabaseOptions {
  /** PostgreSQL major. @default '17' */
  readonly version?: '16' | '17';
  /** vCPUs of one instance, at least. @default 2 */
  readonly vcpus?: number;
  /** Memory of one instance in GiB, at least. @default 8 */
  readonly memoryGiB?: number;
  /** First size of the storage in GiB; it grows. @default 100 */
  readonly storageGiB?: number;
  /** A standby in another zone. @default true */
  readonly highlyAvailable?: boolean;
  /** Days that backups reach back, for point-in-time recovery. @default 14 */
  readonly backupRetentionDays?: number;
}

/** Props of a PostgreSQL database. */
export interface RelationalDatabaseProps extends RelationalDatabaseOptions, StatefulProps {
  readonly network: INetwork;
  readonly cluster: ICluster;
  /** @default 'lnmt' */
  readonly databaseName?: string;
  /** @default - the cloud's own key */
  readonly encryptionKey?: IEncryptionKey;
}

/** A PostgreSQL database, encrypted, private, TLS only. */
export interface IRelationalDatabase extends IBuildingBlock {
  readonly host: string;
  readonly port: number;
  readonly databaseName: string;
  /** Administrative credentials; never in state or in values. @default - adopted databases may have none here */
  readonly credentials?: ISecret;
  /** Where clients in the cluster connect to. */
  readonly egress: readonly EgressRule[];
}
