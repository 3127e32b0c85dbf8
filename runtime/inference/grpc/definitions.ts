import path from 'node:path';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const FOLDER = path.join(__dirname, 'protos');

function service(file: string, name: string): ServiceDefinition {
  const loaded = loadSync(path.join(FOLDER, file), { keepCase: true, enums: String, defaults: true, oneofs: true });
  const found = loaded[name];
  if (found === undefined || 'format' in found) throw new Error(`${file} defines no service ${name}; this is a bug`);
  return found;
}

/** The services that the server speaks, read from the protocol files beside this one. */
export function loadServices(): { readonly inference: ServiceDefinition; readonly health: ServiceDefinition } {
  return {
    inference: service('open-inference.proto', 'inference.GRPCInferenceService'),
    health: service('health.proto', 'grpc.health.v1.Health'),
  };
}
