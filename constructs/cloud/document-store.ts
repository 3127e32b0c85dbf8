import type { IConstruct } from 'constructs';
import { documentApiMismatch } from '../errors';
import type { IBuildingBlock, StatefulProps } from './building-block';
import type { ICluster } from './cluster';
import type { IEncryptionKey } from './encryption-key';
import type { IWorkloadIdentity } from './workload-identity';

/** Client API of a document store. They have nothing in common, so a consumer says which ones it speaks. */
export type DocumentApi = 'dynamodb' | 'mongodb' | 'firestore' | 'cosmos';

/** Options of a document store that users choose. */
export interface DocumentStoreOptions {
  /** Attribute that distributes documents. @default 'pk' */
  readonly partitionKey?: string;
  /** Attribute that orders documents of one partition. @default 'sk' */
  readonly sortKey?: string;
  /** Attribute with the expiry time in seconds since the epoch. @default 'expiresAt' */
  readonly expiryAttribute?: string;
}

/** Props of a document store. */
export interface DocumentStoreProps extends DocumentStoreOptions, StatefulProps {
  readonly cluster: ICluster;
  /** @default - the cloud's own key */
  readonly encryptionKey?: IEncryptionKey;
}

/** Grants on a document store. */
export interface IDocumentStoreGrants {
  /** Read and write items, and nothing of the table itself. */
  readWrite(identity: IWorkloadIdentity): void;
}

/** A document or key-value store with point-in-time recovery. */
export interface IDocumentStore extends IBuildingBlock {
  readonly api: DocumentApi;
  /** Name of the table, database or account; may be a token. */
  readonly storeName: string;
  readonly grants: IDocumentStoreGrants;
}

/** Checks that a consumer speaks the store's API. @throws LNMT1015 when it does not */
export function expectDocumentApi(scope: IConstruct, store: IDocumentStore, accepted: readonly DocumentApi[]): void {
  if (!accepted.includes(store.api)) throw documentApiMismatch(scope, store.api, accepted);
}
