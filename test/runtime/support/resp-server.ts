import net from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** How a {@link RespServer} answers. `half-open`: it reads, and says nothing. */
export type RespMode = 'well' | 'slow' | 'half-open' | 'garbage' | 'error' | 'other-value' | 'integer' | 'hang-up';

/** Reads one command, an array of bulk strings; undefined while it is not whole. */
function commandOf(buffer: Buffer): { readonly words: readonly Buffer[]; readonly rest: Buffer } | undefined {
  let offset = 0;
  const line = (): number | undefined => {
    const end = buffer.indexOf('\r\n', offset);
    if (end < 0) return undefined;
    const value = Number(buffer.toString('latin1', offset + 1, end));
    offset = end + 2;
    return value;
  };
  const count = line();
  if (count === undefined) return undefined;
  const words: Buffer[] = [];
  for (let index = 0; index < count; index += 1) {
    const length = line();
    if (length === undefined || buffer.length < offset + length + 2) return undefined;
    words.push(buffer.subarray(offset, offset + length));
    offset += length + 2;
  }
  return { words, rest: buffer.subarray(offset) };
}

const bulk = (value: Buffer | undefined): Buffer =>
  value === undefined
    ? Buffer.from('$-1\r\n')
    : Buffer.concat([Buffer.from(`$${value.length}\r\n`), value, Buffer.from('\r\n')]);

/** A server that speaks as much of the protocol of Redis as a cache needs, well or not. */
export class RespServer {
  mode: RespMode = 'well';
  /** Milliseconds that each reply takes in mode `slow`. */
  delay = 2_000;
  gets = 0;
  sets = 0;
  readonly values = new Map<string, Buffer>();
  private readonly sockets = new Set<Socket>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly server = net.createServer((socket) => this.accept(socket));
  private port = 0;

  /** Listens; on the same port as before where it did. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Goes away, and takes all connections with it. */
  async stop(): Promise<void> {
    for (const timer of this.timers) clearTimeout(timer);
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private accept(socket: Socket): void {
    let pending: Buffer = Buffer.alloc(0);
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      for (let command = commandOf(pending); command !== undefined; command = commandOf(pending)) {
        pending = command.rest;
        this.reply(socket, command.words);
      }
    });
  }

  private reply(socket: Socket, words: readonly Buffer[]): void {
    const answer = this.answerOf(words);
    if (this.mode === 'half-open') return;
    if (this.mode === 'hang-up') return void socket.destroy();
    if (this.mode !== 'slow') return void socket.write(answer);
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      if (!socket.destroyed) socket.write(answer);
    }, this.delay);
    this.timers.add(timer);
  }

  private answerOf([name, key = Buffer.alloc(0), value = Buffer.alloc(0)]: readonly Buffer[]): Buffer {
    const verb = name?.toString().toUpperCase();
    if (verb === 'SET') {
      this.sets += 1;
      this.values.set(key.toString(), Buffer.from(value));
    }
    if (verb === 'GET') this.gets += 1;
    if (verb !== 'GET' && verb !== 'SET') return Buffer.from('+OK\r\n');
    if (this.mode === 'garbage') return Buffer.from('\u0000\u0001 what\r\n');
    if (this.mode === 'error') return Buffer.from('-LOADING the dataset is being loaded\r\n');
    if (this.mode === 'integer') return Buffer.from(':7\r\n');
    if (verb === 'SET') return Buffer.from('+OK\r\n');
    if (this.mode === 'other-value') {
      const other = [...this.values].find(([each]) => each !== key.toString());
      return bulk(other?.[1] ?? Buffer.from('short'));
    }
    return bulk(this.values.get(key.toString()));
  }
}
