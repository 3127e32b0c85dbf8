import http2 from 'node:http2';

/** How a call ended, as its trailers say. */
export interface WireEnd {
  /** Undefined where the stream ended without a status. */
  readonly status: number | undefined;
  readonly message: string;
  readonly code: string | undefined;
}

/** A message as it travels. @param announced bytes that it says it has */
export function frame(message: Uint8Array, compressed = false, announced = message.length): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed ? 1 : 0, 0);
  head.writeUInt32BE(announced, 1);
  return Buffer.concat([head, message]);
}

/** A field of a message that says its length: a string, bytes, a message or packed numbers. */
export function field(number: number, ...content: Uint8Array[]): Buffer {
  const length = content.reduce((sum, each) => sum + each.length, 0);
  return Buffer.concat([varint(number * 8 + 2), varint(length), ...content]);
}

/** A number as protobuf writes it. */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push((rest % 128) + (rest > 127 ? 128 : 0));
    if (rest <= 127) return Buffer.from(bytes);
  }
}

/** One call, byte by byte. */
export class WireCall {
  /** The status, once it is told; the stream may be open still. */
  readonly told: Promise<WireEnd>;
  /** The stream is closed, by whichever side. */
  readonly closed: Promise<void>;

  constructor(readonly stream: http2.ClientHttp2Stream) {
    this.told = new Promise((resolve) => {
      const take = (all: http2.IncomingHttpHeaders): void => {
        const status = all['grpc-status'];
        if (status === undefined) return;
        const message = decodeURIComponent(String(all['grpc-message'] ?? ''));
        resolve({ status: Number(status), message, code: all['x-error-code'] as string | undefined });
      };
      stream.on('response', take).on('trailers', take);
      stream.once('close', () => resolve({ status: undefined, message: '', code: undefined }));
    });
    this.closed = new Promise((resolve) => stream.once('close', () => resolve()));
    stream.on('error', () => undefined).resume();
  }
}

/** A client that sends what no library would. */
export class WireClient {
  private readonly session: http2.ClientHttp2Session;

  constructor(port: number) {
    this.session = http2.connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 1_000 });
    this.session.on('error', () => undefined);
  }

  /** Begins a call, whose bytes are to come. */
  open(path: string, headers: Record<string, string> = {}): WireCall {
    const all = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers };
    // Trailers say how a call ends, so that the end of its bytes is no end of the stream.
    return new WireCall(this.session.request(all, { endStream: false }));
  }

  close(): void {
    this.session.destroy();
  }
}
