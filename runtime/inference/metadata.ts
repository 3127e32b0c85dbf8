import type { ModelMetadata } from './registry';
import type { TensorSpec } from './tensors/tensor';
import { EXTENSIONS, PLATFORM, SERVER_NAME, SERVER_VERSION } from './version';

const tensorMetadata = ({ name, datatype, shape }: TensorSpec): object => ({ name, datatype, shape: shape ?? [] });

/** What the protocol says of the server, on every transport. */
export const metadataOfServer = (): object => ({
  name: SERVER_NAME,
  version: SERVER_VERSION,
  extensions: EXTENSIONS,
});

/** What the protocol says of a model, on every transport. */
export function metadataOfModel({ name, versions, platform = PLATFORM, inputs, outputs }: ModelMetadata): object {
  const tensors = { inputs: inputs.map(tensorMetadata), outputs: outputs.map(tensorMetadata) };
  return { name, versions, platform, ...tensors };
}
