import type { IBuildingBlock } from './building-block';
import type { ICluster } from './cluster';
import type { IEncryptionKey } from './encryption-key';

/** Options of monitoring that users choose. */
export interface MonitoringOptions {
  /** Days that metrics are kept in the cluster. @default 15 */
  readonly metricsRetentionDays?: number;
  /** Days that logs are kept. @default 365 */
  readonly logRetentionDays?: number;
  /** Size of the Prometheus volume in GiB. @default 50 */
  readonly storageGiB?: number;
}

/** Props of monitoring. */
export interface MonitoringProps extends MonitoringOptions {
  readonly cluster: ICluster;
  readonly naming: readonly string[];
  /** @default - the cloud's own key */
  readonly encryptionKey?: IEncryptionKey;
}

/** Metrics and logs: Prometheus in every cluster, the cloud's own service beside it. */
export interface IMonitoring extends IBuildingBlock {
  /** Namespace whose Prometheus may scrape metrics ports. */
  readonly scraperNamespace: string;
  /** URL of Prometheus inside the cluster, for the metrics adapter. */
  readonly prometheusUrl: string;
}
