const HEAD_BYTES = 8;
const ALIGNMENT = 8;

/** One message between front and host: a JSON header and bytes. */
export interface Frame {
  readonly header: unknown;
  readonly payload: Uint8Array;
}

/** Bounds of a frame in bytes; more than that is a broken stream. */
export const FRAME_LIMITS = { header: 1 << 20, payload: 2 ** 31 } as const;

/** Bytes that a payload is padded to, so that every tensor in it starts where typed arrays can view it. */
export const padded = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** The chunks of a frame: lengths of header and payload as u32, header, payload parts each padded to 8 bytes. */
export function encodeFrame(header: unknown, parts: readonly Uint8Array[]): Uint8Array[] {
  const text = Buffer.from(JSON.stringify(header), 'utf8');
  const head = Buffer.alloc(HEAD_BYTES);
  const chunks: Uint8Array[] = [head, text];
  let bytes = 0;
  for (const part of parts) {
    chunks.push(part, Buffer.alloc(padded(part.byteLength) - part.byteLength));
    bytes += padded(part.byteLength);
  }
  head.writeUInt32LE(text.length, 0);
  head.writeUInt32LE(bytes, 4);
  return chunks;
}

/** Puts frames together from the chunks of a stream. */
export class FrameReader {
  private chunks: Uint8Array[] = [];
  private held = 0;
  private needed = HEAD_BYTES;

  /** Takes a chunk and gives the frames that it completes. */
  push(chunk: Uint8Array): Frame[] {
    this.chunks.push(chunk);
    this.held += chunk.byteLength;
    const frames: Frame[] = [];
    // Joining only when enough has come keeps a large frame from being copied once per chunk.
    while (this.held >= this.needed) {
      const frame = this.take();
      if (frame) frames.push(frame);
    }
    return frames;
  }

  private take(): Frame | undefined {
    const held = Buffer.concat(this.chunks);
    this.chunks = [held];
    const headerBytes = held.readUInt32LE(0);
    const payloadBytes = held.readUInt32LE(4);
    if (headerBytes > FRAME_LIMITS.header || payloadBytes > FRAME_LIMITS.payload) throw new Error('broken frame');
    const end = HEAD_BYTES + headerBytes + payloadBytes;
    this.needed = end;
    if (held.length < end) return undefined;
    const header: unknown = JSON.parse(held.toString('utf8', HEAD_BYTES, HEAD_BYTES + headerBytes));
    // A copy of its own: aligned, and free to be transferred to a worker.
    const payload = new Uint8Array(held.subarray(HEAD_BYTES + headerBytes, end));
    this.chunks = [held.subarray(end)];
    this.held = held.length - end;
    this.needed = HEAD_BYTES;
    return { header, payload };
  }
}
