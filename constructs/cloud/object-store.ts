import type { Construct } from 'constructs';
import type { EgressRule } from './egress';
import type { IBuildingBlock, StatefulProps } from './building-block';
import type { IEncryptionKey } from './encryption-key';
import type { DeploymentCheck } from './kubernetes-parts';
import type { IWorkloadIdentity } from './workload-identity';

/** Options of an object store that users choose. */
export interface ObjectStoreOptions {
  /** Days after which versions that are no longer current are deleted. @default 90 */
  readonly noncurrentVersionDays?: number;
}

/** Props of an object store. */
export interface ObjectStoreProps extends ObjectStoreOptions, StatefulProps {
  /** @default - the cloud's own key */
  readonly encryptionKey?: IEncryptionKey;
}

/** How a container reaches the store. */
export interface StoreBinding {
  /** Environment variables with values that are not secret; may hold tokens. */
  readonly env: Readonly<Record<string, string>>;
  /** Environment variables from a Kubernetes Secret, for stores without workload identity. @default {} */
  readonly secretEnv?: Readonly<Record<string, { readonly secret: string; readonly key: string }>>;
  /** Where the traffic goes. */
  readonly egress: readonly EgressRule[];
}

/** Grants on an object store. */
export interface IObjectStoreGrants {
  /** Read below a prefix. @default - prefix '' is the whole store */
  read(identity: IWorkloadIdentity, prefix?: string): void;
  /** Read and write below a prefix. @default - prefix '' is the whole store */
  readWrite(identity: IWorkloadIdentity, prefix?: string): void;
}

/** A versioned, encrypted, private object store. */
export interface IObjectStore extends IBuildingBlock {
  /** Root URI, e.g. `s3://bucket`; may be a token. */
  readonly uri: string;
  readonly grants: IObjectStoreGrants;
  /** How containers in the cluster reach it. */
  readonly binding: StoreBinding;
  /** A check that an object exists when Terraform plans; undefined where the target cannot be asked. */
  objectExists(scope: Construct, id: string, key: string, message: string): DeploymentCheck | undefined;
}
