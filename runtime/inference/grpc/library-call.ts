import type { ServerHttp2Stream } from 'node:http2';
import { Duplex } from 'node:stream';
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';

/** What the library has of a call and gives to nobody: the bytes that come, and how a message is decompressed. */
export interface LibraryCall {
  readonly stream: ServerHttp2Stream;
  /** Of a message with its head of five bytes. What it fails with ends the call. */
  decompressMessage(message: Buffer, encoding: string): Buffer | Promise<Buffer>;
}

/** The call of the library behind the one that an interceptor sees; undefined for versions that have it otherwise. */
export function libraryCall(call: ServerInterceptingCallInterface): LibraryCall | undefined {
  const held = call as ServerInterceptingCallInterface & Partial<LibraryCall>;
  const isKnown = held.stream instanceof Duplex && typeof held.decompressMessage === 'function';
  return isKnown ? (held as ServerInterceptingCallInterface & LibraryCall) : undefined;
}
