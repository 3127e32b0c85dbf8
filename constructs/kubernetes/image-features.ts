import { INFERENCE_ENV, PORTS, featuresOfSettings } from '../../runtime/contract';
import type { ImageFeature } from '../../runtime/contract';
import type { InferenceWorkloadProps } from './inference-workload-props';
import { fileSettings } from './server-files';

/** A secret is not known, only that there is one. */
const SECRET = '***';

/**
 * Features that the image of a server with these props must have, in the order of their table. Of what stands beside models
 * in their store nothing is known: a step `image` in a `config.json` there needs `pictures`, too.
 */
export function imageFeatures({
  storeUri,
  grpc,
  files,
  env,
  secretEnv = {},
}: Pick<InferenceWorkloadProps, 'storeUri' | 'grpc' | 'files' | 'env' | 'secretEnv'>): readonly ImageFeature[] {
  const { modelUri, grpcPort } = INFERENCE_ENV;
  const settings = {
    ...Object.fromEntries(Object.keys(secretEnv).map((name) => [name, SECRET])),
    ...{ [modelUri.name]: storeUri, ...(grpc ? { [grpcPort.name]: String(PORTS.grpc) } : {}) },
    ...{ ...fileSettings(files), ...env },
  };
  return featuresOfSettings(settings, files?.models);
}
