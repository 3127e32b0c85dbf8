import path from 'node:path';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { PackageDefinition } from '@grpc/proto-loader';

const FOLDER = path.join(__dirname, 'protos');
/** Procedures whose requests hold tensors. */
const INFERENCE = ['ModelInfer', 'ModelStreamInfer'] as const;

type Definition = PackageDefinition[string];

function find(file: string, name: string): Definition {
  const loaded = loadSync(path.join(FOLDER, file), { keepCase: true, enums: String, defaults: true, oneofs: true });
  const found = loaded[name];
  if (found === undefined) throw new Error(`${file} defines no ${name}; this is a bug`);
  return found;
}

function service(file: string, name: string): ServiceDefinition {
  const found = find(file, name);
  if ('format' in found) throw new Error(`${name} is no service; this is a bug`);
  return found;
}

/** Reads requests for inference, but for the contents of their inputs. */
function incomingReader(): (bytes: Buffer) => object {
  const found = find('incoming.proto', 'inference.incoming.ModelInferRequest');
  if (!('deserialize' in found)) throw new Error('a request is no message; this is a bug');
  return found.deserialize as (bytes: Buffer) => object;
}

/** The services that the server speaks, read from the protocol files beside this one. */
export function loadServices(): { readonly inference: ServiceDefinition; readonly health: ServiceDefinition } {
  const inference = service('open-inference.proto', 'inference.GRPCInferenceService');
  const requestDeserialize = incomingReader();
  const methods = Object.entries(inference).map(([name, method]): [string, ServiceDefinition[string]] => [
    name,
    INFERENCE.some((each) => each === name) ? { ...method, requestDeserialize } : method,
  ]);
  return { inference: Object.fromEntries(methods), health: service('health.proto', 'grpc.health.v1.Health') };
}
