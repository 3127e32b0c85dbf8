import { createRequire } from 'node:module';
import { INFERENCE_ENV } from '../../contract';
import { loadOptional } from '../../shared/optional-package';
import type * as Server from './server';

/** A gRPC listener, as the process that owns it sees it. */
export interface GrpcListener {
  /** Listens, and answers the port. */
  listen(host: string, port: number): Promise<number>;
  /** Asks the clients to go elsewhere; calls in flight go on, and new ones are still taken. */
  drain(): void;
  /** Stops listening and waits for the calls in flight. */
  close(): Promise<void>;
  /** Cuts every call. */
  cut(): void;
}

/** Where gRPC is not spoken. */
export const NO_GRPC: GrpcListener = {
  listen: () => Promise.reject(new Error('gRPC is not loaded; this is a bug')),
  drain: () => undefined,
  close: () => Promise.resolve(),
  cut: () => undefined,
};

/**
 * Loads gRPC, which only servers with a port for it need.
 *
 * @throws StartError LNMT8103 when its packages are not installed
 */
export async function openGrpc(deps: Server.GrpcDeps): Promise<GrpcListener> {
  // Required late, and by the loader that this file came with: an import would be left to another one.
  const load = async (): Promise<typeof Server> => createRequire(__filename)('./server') as typeof Server;
  const { GrpcServer } = await loadOptional(load, '@grpc/grpc-js', INFERENCE_ENV.grpcPort.name);
  return new GrpcServer(deps);
}
