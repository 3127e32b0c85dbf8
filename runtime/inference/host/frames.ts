const HEAD_BYTES = 16;
const ALIGNMENT = 8;
const SPACE = 0x20;
const ID_PLACE = 8;

/** Frames up to this size are copied into one chunk: for small ones a copy is cheaper than a list of chunks. */
const COPIED_BYTES = 64 * 1024;

/** Headers that a reader remembers: how many, and the longest in bytes. */
const KNOWN = { headers: 16, bytes: 4_096 } as const;

/** One message between front and host: a JSON header and bytes that start where any typed array can view them. */
export interface Frame {
  /** Of the question that it is, or that it answers. */
  readonly id: number;
  /** That of an earlier frame, too, where its reader remembers. */
  readonly header: unknown;
  readonly payload: Uint8Array;
}

/** Bounds of a frame in bytes; more than that is a broken stream. */
export interface FrameLimits {
  readonly header: number;
  readonly payload: number;
}

/** Bounds between processes that trust one another. */
export const FRAME_LIMITS: FrameLimits = { header: 1 << 20, payload: 2 ** 31 };

/** Bytes that a payload is padded to, so that every tensor in it starts where typed arrays can view it. */
export const padded = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** Bytes that these parts take in a frame. */
export function payloadBytes(parts: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const part of parts) bytes += padded(part.byteLength);
  return bytes;
}

/** A header that is written once for many frames. */
export class WrittenHeader {
  readonly text: Buffer;

  constructor(header: object) {
    const text = JSON.stringify(header);
    this.text = Buffer.alloc(padded(Buffer.byteLength(text)), SPACE);
    this.text.write(text);
  }
}

/**
 * The chunks of a frame: lengths of header and payload as u32 and the id as f64, header and payload parts each padded to
 * 8 bytes.
 */
export function encodeFrame(id: number, header: object | WrittenHeader, parts: readonly Uint8Array[]): Uint8Array[] {
  const { text } = header instanceof WrittenHeader ? header : new WrittenHeader(header);
  const bytes = payloadBytes(parts);
  const whole = HEAD_BYTES + text.length + bytes <= COPIED_BYTES;
  const head = Buffer.alloc(HEAD_BYTES + text.length + (whole ? bytes : 0));
  head.writeUInt32LE(text.length, 0);
  head.writeUInt32LE(bytes, 4);
  head.writeDoubleLE(id, ID_PLACE);
  head.set(text, HEAD_BYTES);
  if (!whole)
    return [head, ...parts.flatMap((part) => [part, Buffer.alloc(padded(part.byteLength) - part.byteLength)])];
  let offset = HEAD_BYTES + text.length;
  for (const part of parts) {
    head.set(part, offset);
    offset += padded(part.byteLength);
  }
  return [head];
}

function frameBytes(buffer: Uint8Array, limits: FrameLimits): { header: number; payload: number } {
  const view = new DataView(buffer.buffer, buffer.byteOffset, HEAD_BYTES);
  const header = view.getUint32(0, true);
  const payload = view.getUint32(4, true);
  if (header > limits.header || payload > limits.payload) throw new Error('broken frame');
  return { header, payload };
}

/** Headers by their texts: most frames have one that came before. */
class ReadHeaders {
  private readonly known: { readonly text: Buffer; readonly header: unknown }[] = [];

  /** @param most headers to remember */
  constructor(private readonly most: number) {}

  read(text: Buffer): unknown {
    for (const each of this.known) if (each.text.equals(text)) return each.header;
    const header: unknown = JSON.parse(text.toString('utf8'));
    if (this.most === 0 || text.length > KNOWN.bytes) return header;
    if (this.known.length >= this.most) this.known.pop();
    this.known.unshift({ text: Buffer.from(text), header });
    return header;
  }
}

/** Puts frames together from the chunks of a stream. One that lies in a single chunk is not copied. */
export class FrameReader {
  private partial: Uint8Array = new Uint8Array();
  private held = 0;
  private readonly headers: ReadHeaders;

  /** @param remembers whether frames may share a header, which nobody may change then */
  constructor(
    private readonly limits: FrameLimits = FRAME_LIMITS,
    remembers = false,
  ) {
    this.headers = new ReadHeaders(remembers ? KNOWN.headers : 0);
  }

  /** Takes a chunk and gives the frames that it completes. */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    for (let rest = this.held > 0 ? this.complete(chunk, frames) : chunk; rest.byteLength > 0;) {
      const size = rest.byteLength < HEAD_BYTES ? undefined : frameBytes(rest, this.limits);
      const needed = size === undefined ? HEAD_BYTES : HEAD_BYTES + size.header + size.payload;
      if (size === undefined || rest.byteLength < needed) {
        this.keep(rest, needed);
        break;
      }
      frames.push(this.open(rest, size.header, size.payload));
      rest = rest.subarray(needed);
    }
    return frames;
  }

  private open(buffer: Uint8Array, headerBytes: number, payloadBytes: number): Frame {
    const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    const start = HEAD_BYTES + headerBytes;
    const header = this.headers.read(bytes.subarray(HEAD_BYTES, start));
    const payload = buffer.subarray(start, start + payloadBytes);
    const isAligned = payload.byteOffset % ALIGNMENT === 0;
    // A frame that follows another in one chunk need not be aligned.
    return { id: bytes.readDoubleLE(ID_PLACE), header, payload: isAligned ? payload : payload.slice() };
  }

  /** Adds what the frame in hand lacks, and gives the rest of the chunk. */
  private complete(chunk: Uint8Array, frames: Frame[]): Uint8Array {
    const taken = chunk.subarray(0, this.partial.byteLength - this.held);
    this.partial.set(taken, this.held);
    this.held += taken.byteLength;
    const rest = chunk.subarray(taken.byteLength);
    if (this.held < this.partial.byteLength) return rest;
    const { header, payload } = frameBytes(this.partial, this.limits);
    const needed = HEAD_BYTES + header + payload;
    if (this.partial.byteLength < needed) {
      this.keep(this.partial, needed);
      return this.complete(rest, frames);
    }
    frames.push(this.open(this.partial, header, payload));
    this.held = 0;
    return rest;
  }

  /** Makes room for a whole frame at once, so that a large one is copied no more than once. */
  private keep(begun: Uint8Array, needed: number): void {
    this.partial = new Uint8Array(needed);
    this.partial.set(begun);
    this.held = begun.byteLength;
  }
}
