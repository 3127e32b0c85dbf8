import { IMAGE_FEATURE_NAMES } from '../../contract';
import type { ImageFeature } from '../../contract';

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
export function parseFeatures(text: string): readonly ImageFeature[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
    .map((name) => {
      const known = IMAGE_FEATURE_NAMES.find((each) => each === name);
      if (known !== undefined) return known;
      throw new Error(`there is no feature '${name}'; there are ${IMAGE_FEATURE_NAMES.join(', ')}`);
    });
}
