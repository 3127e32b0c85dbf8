import net from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { experimental, Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { capConnections } from '../../shared/connection-cap';
import type { HealthState } from '../../shared/health';
import { HTTP_LIMITS } from '../../shared/limits';
import type { TlsMaterial } from '../../shared/tls';
import type { TlsChanges } from '../../shared/tls-follower';
import { TlsProvider } from '../../shared/tls-provider';
import { guarded } from './decoding';
import { loadServices } from './definitions';
import { Gate, rowOf } from './gate';
import type { GateOptions } from './gate';
import { inferenceHandlers } from './handlers';
import type { HandlerDeps } from './handlers';
import { healthHandlers } from './health';
import type { IntakeLimits } from './intake';
import { StalledCalls } from './stalled-calls';

/** What a call may cost. Sizes in bytes, times in milliseconds. */
const GRPC_LIMITS = {
  /** Clients send large tensors, so that this is no less where bodies of HTTP are. */
  messageBytes: 64 * 1024 * 1024,
  metadataBytes: HTTP_LIMITS.headerBytes,
  /** Calls on one connection. */
  streams: 256,
  /** For a message to arrive. */
  receive: HTTP_LIMITS.requestTimeout,
  /** A connection without calls is closed after this. */
  idle: 300_000,
  /** A silent client is asked whether it is still there, and given this long to answer. */
  keepalive: { every: 60_000, timeout: 20_000 },
} as const;

/** The library cuts calls so long after it asked clients to go: never, because who ends the server keeps the time. */
const NEVER_MS = 2 ** 31 - 1;

/** What the server is put together from. */
export interface GrpcDeps extends Omit<HandlerDeps, 'gate' | 'messageBytes'>, Omit<GateOptions, keyof IntakeLimits> {
  readonly health: HealthState;
  /** Bytes of a body over HTTP; messages may have as many where that is more than they may have anyway. */
  readonly maxRequestBytes: number;
  /**
   * Milliseconds for a message to arrive.
   * @default - that of {@link GRPC_LIMITS}
   */
  readonly receiveMs?: number | undefined;
  /** @default - none: the connection is not encrypted */
  readonly tls?: TlsMaterial | undefined;
  /** Tells what comes in the place of `tls`. @default - nothing ever */
  readonly tlsChanges?: TlsChanges | undefined;
  /** Open connections from one address; 0 sets no limit. */
  readonly connectionsPerAddress: number;
}

function credentialsOf({ tls, tlsChanges }: Pick<GrpcDeps, 'tls' | 'tlsChanges'>): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const provider = new TlsProvider(tls, tlsChanges);
  const demanded = tls.ca !== undefined;
  // The library takes the identity first and the authorities second, whatever its types call them.
  return experimental.createCertificateProviderServerCredentials(provider, demanded ? provider : null, demanded);
}

function refuseUnlisted(service: ServiceDefinition): void {
  for (const { path } of Object.values(service)) rowOf(path);
}

/** The gRPC listener: the Open Inference Protocol and the standard health service over the same data plane as HTTP. */
export class GrpcServer {
  private readonly server: Server;
  private readonly listener = net.createServer();
  private readonly sockets = new Set<Socket>();
  private readonly connections: ReturnType<Server['createConnectionInjector']>;

  /** @throws StartError LNMT8106 for a procedure that the operation table does not list */
  constructor(deps: GrpcDeps) {
    const stalled = new StalledCalls();
    const messageBytes = Math.max(GRPC_LIMITS.messageBytes, deps.maxRequestBytes);
    const gate = new Gate({ ...deps, stalled, messageBytes, receiveMs: deps.receiveMs ?? GRPC_LIMITS.receive });
    this.server = new Server({
      'grpc.max_receive_message_length': messageBytes,
      'grpc.max_send_message_length': messageBytes,
      'grpc.max_metadata_size': GRPC_LIMITS.metadataBytes,
      'grpc.max_concurrent_streams': GRPC_LIMITS.streams,
      'grpc.max_connection_idle_ms': GRPC_LIMITS.idle,
      'grpc.keepalive_time_ms': GRPC_LIMITS.keepalive.every,
      'grpc.keepalive_timeout_ms': GRPC_LIMITS.keepalive.timeout,
      'grpc.enable_channelz': 0,
      interceptors: [gate.interceptor],
    });
    const { inference, health } = loadServices();
    [inference, health].forEach(refuseUnlisted);
    this.server.addService(guarded(inference, messageBytes), inferenceHandlers({ ...deps, gate, messageBytes }));
    this.server.addService(guarded(health, messageBytes), healthHandlers(gate, deps.health));
    this.connections = this.server.createConnectionInjector(credentialsOf(deps));
    // The library has no limit of connections, so it is handed those that are within it.
    capConnections(this.listener, deps.connectionsPerAddress);
    this.listener.on('connection', (socket) => {
      if (socket.destroyed) return;
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
      stalled.add(socket);
      this.connections.injectConnection(socket);
    });
  }

  /** Listens, and answers the port. */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.listener.once('error', reject).listen({ host, port, noDelay: true }, resolve);
    });
    return (this.listener.address() as AddressInfo).port;
  }

  /** Asks the clients to go elsewhere (GOAWAY); calls in flight go on, and new connections are still accepted. */
  drain(): void {
    this.connections.drain(NEVER_MS);
  }

  /** Stops listening and waits for the calls in flight. */
  async close(): Promise<void> {
    // The library calls a session ended that was asked to end, whatever still goes on in it: connections tell.
    const ended = new Promise<void>((resolve) => this.listener.close(() => resolve()));
    // Nothing was ever said on these, so nobody waits for an answer.
    for (const socket of this.sockets) if (socket.bytesRead === 0) socket.destroy();
    await Promise.all([ended, new Promise<void>((resolve) => this.server.tryShutdown(() => resolve()))]);
  }

  /** Cuts every call. */
  cut(): void {
    this.listener.close();
    this.server.forceShutdown();
  }
}
