import path from 'node:path';
import { credentials, loadPackageDefinition, Metadata } from '@grpc/grpc-js';
import type { CallOptions, ChannelCredentials, ChannelOptions, Client, ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const PROTOS = path.resolve(__dirname, '../../../runtime/inference/grpc/protos');

/** Answer of a call. */
export type Reply = Readonly<Record<string, unknown>>;

/** A client as users have them: made from the protocol files, with its own options. */
export class GrpcClient {
  readonly raw: Client;

  constructor(
    file: 'open-inference.proto' | 'health.proto',
    service: string,
    address: string,
    channel: ChannelCredentials = credentials.createInsecure(),
    options: ChannelOptions = {},
  ) {
    const loaded = loadPackageDefinition(
      loadSync(path.join(PROTOS, file), { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true }),
    );
    const found = service.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], loaded);
    const Constructor = found as new (address: string, channel: ChannelCredentials, options: object) => Client;
    this.raw = new Constructor(address, channel, {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_send_message_length': -1,
      ...options,
    });
  }

  /** A client of the inference service. */
  static inference(port: number, channel?: ChannelCredentials, options?: ChannelOptions): GrpcClient {
    const [file, service] = ['open-inference.proto', 'inference.GRPCInferenceService'] as const;
    return new GrpcClient(file, service, `localhost:${port}`, channel, options);
  }

  /** A client of the health service. */
  static health(port: number, channel?: ChannelCredentials): GrpcClient {
    return new GrpcClient('health.proto', 'grpc.health.v1.Health', `localhost:${port}`, channel);
  }

  /** Calls a procedure. */
  call(
    name: string,
    request: object,
    headers: Record<string, string> = {},
    options: CallOptions = {},
    signal?: AbortSignal,
  ): Promise<Reply> {
    const metadata = metadataOf(headers);
    const method = Reflect.get(this.raw, name) as (...args: unknown[]) => { cancel(): void };
    return new Promise((resolve, reject) => {
      const call = method.call(this.raw, request, metadata, options, (error: ServiceError | null, reply: Reply) =>
        error ? reject(error) : resolve(reply),
      );
      signal?.addEventListener('abort', () => call.cancel());
    });
  }

  /** Error of a call; fails when it succeeds. */
  async refused(name: string, request: object, headers: Record<string, string> = {}): Promise<ServiceError> {
    return this.call(name, request, headers).then(
      () => Promise.reject(new Error(`${name} was not refused`)),
      (error: unknown) => error as ServiceError,
    );
  }

  close(): void {
    this.raw.close();
  }
}

/** Metadata of a call. */
export function metadataOf(headers: Record<string, string>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}
