import type { InferenceConfig } from '../config';
import { FileStore } from './file-store';
import { S3Store } from './s3-store';
import type { ModelStore } from './store';

/** The store that the configuration names. */
export function openStore(config: Pick<InferenceConfig, 'store' | 's3Endpoint' | 's3Region'>): ModelStore {
  const { store, s3Endpoint, s3Region } = config;
  if (store.kind === 'file') return new FileStore(store.dir);
  return new S3Store({ bucket: store.bucket, prefix: store.prefix, endpoint: s3Endpoint, region: s3Region });
}
