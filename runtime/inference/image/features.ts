/**
 * What an image can do beyond its core, and the packages that it takes. The core loads none of them; a setting that needs
 * one which is absent keeps the server from starting and names it.
 */
export const FEATURES = {
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
export type Feature = keyof typeof FEATURES;

/** What packages ask for and never load while the server runs, by the package that asks. */
export const UNUSED: Readonly<Record<string, readonly string[]>> = {
  // For its install script, which fetches GPU libraries when an image is built.
  'onnxruntime-node': ['adm-zip', 'global-agent'],
  // For its command, which writes type definitions.
  '@grpc/proto-loader': ['yargs'],
  // Types.
  protobufjs: ['@types/node'],
  // For requests without a socket, which only tests make.
  fastify: ['light-my-request'],
  // For log destinations in threads of their own; the server writes to its standard output.
  pino: ['pino-abstract-transport'],
};

/** Reads a list such as `s3,grpc`. @throws Error for a feature that there is none of */
export function parseFeatures(text: string): readonly Feature[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
    .map((name) => {
      if (name in FEATURES) return name as Feature;
      throw new Error(`there is no feature '${name}'; there are ${Object.keys(FEATURES).join(', ')}`);
    });
}
