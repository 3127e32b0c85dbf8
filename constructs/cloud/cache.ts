import type { EgressRule } from './egress';
import type { IBuildingBlock, StatefulProps } from './building-block';
import type { ICluster } from './cluster';
import type { IEncryptionKey } from './encryption-key';
import type { INetwork } from './network';
import type { ISecret } from './secret';

/** Options of a cache that users choose. */
export interface CacheOptions {
  /** Memory of one node in GiB, at least. @default 1 */
  readonly memoryGiB?: number;
  /** Copies besides the primary. @default 1 */
  readonly replicas?: number;
}

/** Props of a cache. */
export interface CacheProps extends CacheOptions, StatefulProps {
  readonly network: INetwork;
  readonly cluster: ICluster;
  /** @default - the cloud's own key */
  readonly encryptionKey?: IEncryptionKey;
}

/** A Valkey cache (Redis protocol), encrypted in transit and at rest. */
export interface ICache extends IBuildingBlock {
  readonly host: string;
  readonly port: number;
  /** True when clients must use TLS. */
  readonly tls: boolean;
  /** Password or user credentials. @default - the cloud's identity is used */
  readonly credentials?: ISecret;
  /** Where clients in the cluster connect to. */
  readonly egress: readonly EgressRule[];
}
