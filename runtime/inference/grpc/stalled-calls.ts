import type { Socket } from 'node:net';
import { ServerInterceptingCall } from '@grpc/grpc-js';
import type { Responder, ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { HTTP_LIMITS } from '../../shared/limits';
import { Slots } from '../../shared/slots';
import { sizeOf } from './decoding';
import type { StreamRoom } from './stream-room';

/** Bytes that a connection sends in the same time although nobody reads: pings and settings. */
const IDLE_BYTES = 4_096;

/**
 * Ends connections whose client asks and does not read. An answer waits in the window of its stream, where nothing bounds
 * its time: while it waits, its connection has to move.
 */
export class StalledCalls {
  private readonly sockets = new Map<string, Socket>();

  /** @param patienceMs for a client to take more of its answers */
  constructor(private readonly patienceMs: number = HTTP_LIMITS.stallTimeout) {}

  /** Takes a connection in until it ends. */
  add(socket: Socket): void {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    this.sockets.set(peer, socket);
    socket.once('close', () => {
      if (this.sockets.get(peer) === socket) this.sockets.delete(peer);
    });
  }

  /** An answer is on its way to a peer, as `address:port`. Call what it returns when it is out, once or more often. */
  begin(peer: string): () => void {
    const socket = this.sockets.get(peer);
    if (socket === undefined) return () => undefined;
    let sent = socket.bytesWritten;
    const timer = setInterval(() => {
      const moved = socket.bytesWritten - sent;
      sent = socket.bytesWritten;
      if (moved > IDLE_BYTES) return;
      clearInterval(timer);
      socket.destroy();
    }, this.patienceMs);
    timer.unref();
    return () => clearInterval(timer);
  }
}

/** The answers of one call that its client has not taken yet. */
export class Unread {
  private readonly waiting = new Slots<() => void>();

  /** @param stalled told of each answer; without it nobody looks */
  constructor(
    private readonly call: Pick<ServerInterceptingCallInterface, 'getPeer'>,
    private readonly stalled: Pick<StalledCalls, 'begin'> | undefined,
  ) {}

  /** An answer is on its way. Call what it returns when it is taken. */
  begin(): () => void {
    const end = this.stalled?.begin(this.call.getPeer());
    if (end === undefined) return () => undefined;
    const id = this.waiting.add(end);
    return () => {
      this.waiting.delete(id);
      end();
    };
  }

  /** The call is over, and nothing waits any more. */
  forget(): void {
    for (const [id, end] of this.waiting.entries()) {
      this.waiting.delete(id);
      end();
    }
  }
}

/** A call that tells of its answers until they are taken, which the library reports here and nowhere else. */
export class WatchedCall extends ServerInterceptingCall {
  /** @param room of a stream of requests; undefined for any other call */
  constructor(
    outer: ServerInterceptingCallInterface,
    responder: Responder,
    private readonly unread: Unread,
    private readonly room: StreamRoom | undefined,
  ) {
    super(outer, responder);
  }

  override sendMessage(message: object, taken: () => void): void {
    const end = this.unread.begin();
    super.sendMessage(message, () => {
      end();
      this.room?.taken();
      taken();
    });
    this.room?.sent(sizeOf(message));
  }

  /** The library reads ahead of a stream that is paused; nothing else keeps it from doing so. */
  override startRead(): void {
    if (this.room === undefined) super.startRead();
    else this.room.read(() => super.startRead());
  }
}
