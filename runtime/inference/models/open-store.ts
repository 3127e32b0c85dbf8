import type { INFERENCE_ENV } from '../../contract';
import type { EnvValues } from '../../shared/env';
import { AzureStore } from './azure-store';
import { BoundedStore } from './bounded-store';
import { FileStore } from './file-store';
import { GcsStore } from './gcs-store';
import { SILENCE_MS } from './guarded-http';
import { HttpStore } from './http-store';
import type { ModelLocation } from './location';
import { OciStore } from './oci-store';
import { S3Store } from './s3-store';
import type { ModelStore } from './store';

/** Settings that stores need beside their location. */
export type StoreSettings = Partial<
  Pick<
    EnvValues<typeof INFERENCE_ENV>,
    | 'registryAuthFile'
    | 's3Endpoint'
    | 's3Region'
    | 'gcsEndpoint'
    | 'azureEndpoint'
    | 'azureAccountKey'
    | 'modelToken'
    | 'modelStoreTimeout'
  >
>;

/** The store at a location. */
export function openStore(location: ModelLocation, settings: StoreSettings): ModelStore {
  const { modelStoreTimeout } = settings;
  const silenceMs = modelStoreTimeout === undefined ? SILENCE_MS : modelStoreTimeout * 1000;
  switch (location.kind) {
    case 'file':
      return new FileStore(location.dir);
    case 's3':
      return new S3Store({ ...location, endpoint: settings.s3Endpoint, region: settings.s3Region, silenceMs });
    case 'gcs':
      return new BoundedStore(new GcsStore({ ...location, endpoint: settings.gcsEndpoint }), silenceMs);
    case 'azure':
      return new BoundedStore(
        new AzureStore({ ...location, endpoint: settings.azureEndpoint, accountKey: settings.azureAccountKey }),
        silenceMs,
      );
    case 'oci':
      return new OciStore({ url: location.url, authFile: settings.registryAuthFile, silenceMs });
    case 'http': {
      const { modelToken } = settings;
      const headers: Record<string, string> = modelToken ? { authorization: `Bearer ${modelToken}` } : {};
      return new HttpStore(new URL(location.url), headers, silenceMs);
    }
  }
}
