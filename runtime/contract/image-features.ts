import { INFERENCE_ENV } from './env';
import type { InferenceSetting } from './env';

/**
 * What an image of the inference server can do beyond its core, and the packages that it takes. The core loads none of
 * them; a setting that needs one which is absent keeps the server from starting and names it.
 */
export const IMAGE_FEATURES = {
  s3: ['@aws-sdk/client-s3'],
  gcs: ['@google-cloud/storage'],
  azure: ['@azure/storage-blob', '@azure/identity'],
  grpc: ['@grpc/grpc-js', '@grpc/proto-loader'],
  graphql: ['graphql'],
  tracing: ['@opentelemetry/sdk-trace-node', '@opentelemetry/exporter-trace-otlp-http', '@opentelemetry/resources'],
  policies: ['@cedar-policy/cedar-wasm'],
  redis: ['ioredis'],
  pictures: ['sharp'],
  keyless: ['@sigstore/verify', '@sigstore/bundle', '@sigstore/protobuf-specs'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** Name of a feature. */
export type ImageFeature = keyof typeof IMAGE_FEATURES;

/** Names of all features, in the order of their table. */
export const IMAGE_FEATURE_NAMES = Object.keys(IMAGE_FEATURES) as readonly ImageFeature[];

/** Features of an image of which nothing was said. */
export const DEFAULT_IMAGE_FEATURES = ['s3', 'grpc'] as const satisfies readonly ImageFeature[];

/** The feature that brings a package; undefined for one of the core. */
export function featureOfPackage(name: string): ImageFeature | undefined {
  return IMAGE_FEATURE_NAMES.find((feature) => (IMAGE_FEATURES[feature] as readonly string[]).includes(name));
}

/** Settings that need a feature whenever they are set. */
const BY_SETTING = {
  grpcPort: 'grpc',
  graphql: 'graphql',
  otlpEndpoint: 'tracing',
  policyFile: 'policies',
  responseCacheUrl: 'redis',
  signatureTrustedRootFile: 'keyless',
} as const satisfies { readonly [K in InferenceSetting]?: ImageFeature };

const BY_SCHEME: Readonly<Record<string, ImageFeature>> = { s3: 's3', gs: 'gcs', az: 'azure' };
const IN_URI = /^(\w+):/;

/** Places in a list of models that need a feature: stores by the scheme of their URI, and steps that decode pictures. */
const IN_LIST = /"uri"\s*:\s*"(s3|gs|az):|"step"\s*:\s*"(image)"/g;

/**
 * Features that an image must have for these settings, in the order of their table.
 *
 * @param env environment variables of the server; values that are not known yet count as set
 * @param list text of the list of models, where it is known; what stands beside the models in their store is not seen
 */
export function featuresOfSettings(env: Readonly<Record<string, string>>, list = ''): readonly ImageFeature[] {
  const needed = new Set<ImageFeature | undefined>();
  for (const [setting, feature] of Object.entries(BY_SETTING)) {
    const value = env[INFERENCE_ENV[setting as keyof typeof BY_SETTING].name] ?? '';
    if (value !== '' && value !== 'false') needed.add(feature);
  }
  for (const { name } of [INFERENCE_ENV.modelUri, INFERENCE_ENV.modelRepository]) {
    needed.add(BY_SCHEME[IN_URI.exec(env[name] ?? '')?.[1] ?? '']);
  }
  for (const [, scheme, step] of list.matchAll(IN_LIST)) {
    needed.add(step === undefined ? BY_SCHEME[scheme ?? ''] : 'pictures');
  }
  return IMAGE_FEATURE_NAMES.filter((feature) => needed.has(feature));
}

/** What builds an image with these features beside those of every image. */
export function buildCommand(features: readonly ImageFeature[], flavour: 'cpu' | 'cuda' = 'cpu'): string {
  const all: ReadonlySet<ImageFeature> = new Set([...DEFAULT_IMAGE_FEATURES, ...features]);
  const option = flavour === 'cpu' ? '' : ` --flavour ${flavour}`;
  return `lnmt images build --only inference${option} --features ${[...all].join(',')}`;
}
