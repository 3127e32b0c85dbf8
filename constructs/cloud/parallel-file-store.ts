import type { IBuildingBlock, StatefulProps } from './building-block';
import type { ICluster } from './cluster';
import type { IEncryptionKey } from './encryption-key';
import type { INetwork } from './network';
import type { IObjectStore } from './object-store';

/** Props of parallel scratch for training. */
export interface ParallelFileStoreProps extends StatefulProps {
  readonly network: INetwork;
  readonly cluster: ICluster;
  /** Size in GiB; rounded up to what the target sells. @default 1200 */
  readonly sizeGiB?: number;
  /** Store whose objects appear as files. @default - none */
  readonly linkedStore?: IObjectStore;
  /** @default - the cloud's own key */
  readonly encryptionKey?: IEncryptionKey;
}

/** A parallel file system. Scratch: it is rebuilt, not restored. */
export interface IParallelFileStore extends IBuildingBlock {
  /** Claim that pods mount, in the namespace that was asked for. */
  claim(namespace: string): { readonly claimName: string };
  readonly sizeGiB: number;
}
