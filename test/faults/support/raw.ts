import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What a raw connection got back. */
export interface RawAnswer {
  readonly text: string;
  /** Status of the first answer; undefined when there was none. */
  readonly status: number | undefined;
  /** True when the other side ended the connection. */
  readonly closed: boolean;
  /** Milliseconds until the first byte of an answer, or the end. */
  readonly ms: number;
}

const statusOf = (text: string): number | undefined => {
  const found = /HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
};

/** Sends bytes as they are and waits for an answer, the end of the connection, or so long. */
export function rawRequest(port: number, chunks: readonly (string | Buffer)[], patienceMs: number): Promise<RawAnswer> {
  return new Promise((resolve) => {
    let text = '';
    let first: number | undefined;
    const started = performance.now();
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const finish = (closed: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, status: statusOf(text), closed, ms: (first ?? performance.now()) - started });
    };
    const timer = setTimeout(() => finish(false), patienceMs);
    socket.on('error', () => finish(true));
    socket.on('close', () => finish(true));
    socket.on('end', () => finish(true));
    socket.on('data', (chunk: Buffer) => {
      first ??= performance.now();
      if (text.length < 65_536) text += chunk.toString('latin1');
      // One answer is enough; whether the connection ends after it is the business of the server.
      if (/\r\n\r\n/.test(text)) setImmediate(() => finish(false));
    });
    const pour = async (): Promise<void> => {
      for (const chunk of chunks) {
        if (socket.destroyed) return;
        if (!socket.write(chunk)) await Promise.race([new Promise((done) => socket.once('drain', done)), delay(5_000)]);
      }
    };
    socket.on('connect', () => void pour());
  });
}

/** A connection that is held open. */
export class Held {
  private readonly socket: net.Socket;
  private readonly started = performance.now();
  /** Milliseconds after which the other side ended it; undefined while it has not. */
  closedAfter: number | undefined;
  connected = false;
  received = 0;

  /** @param from own address, for a client that the server counts apart */
  constructor(port: number, onConnect: (socket: net.Socket) => void, from = '127.0.0.1') {
    this.socket = net.connect({ port, host: '127.0.0.1', localAddress: from }, () => {
      this.connected = true;
      onConnect(this.socket);
    });
    this.socket.on('data', (chunk: Buffer) => (this.received += chunk.length));
    const over = (): void => void (this.closedAfter ??= performance.now() - this.started);
    this.socket.on('error', over).on('close', over).on('end', over);
  }

  /** Writes when it is still open. */
  write(bytes: string | Buffer): void {
    if (!this.socket.destroyed && this.socket.writable) this.socket.write(bytes);
  }

  /** Reads nothing more. */
  pause(): void {
    this.socket.pause();
  }

  end(): void {
    this.socket.destroy();
  }
}

/** A server that takes everything and says nothing. */
export class DeafServer {
  private readonly sockets = new Set<net.Socket>();
  private readonly server = net.createServer((socket) => {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.resume();
  });

  static async start(): Promise<DeafServer> {
    const deaf = new DeafServer();
    await new Promise<void>((resolve) => deaf.server.listen(0, '127.0.0.1', resolve));
    return deaf;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Stops. */
  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
