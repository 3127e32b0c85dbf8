import fs from 'node:fs';

/** Bytes that are read piece by piece. */
export interface ByteSource {
  /** Size in bytes. */
  readonly size: number;
  /** A view of these bytes, which lie inside the source; it holds until the next call. */
  view(start: number, end: number): Uint8Array;
}

/** Bytes in memory. */
export class MemorySource implements ByteSource {
  constructor(private readonly bytes: Uint8Array) {}

  get size(): number {
    return this.bytes.byteLength;
  }

  view(start: number, end: number): Uint8Array {
    return this.bytes.subarray(start, end);
  }
}

const WINDOW_BYTES = 1 << 16;

/** A file, of which one window is in memory: what is stepped over is never read. */
export class FileSource implements ByteSource {
  readonly size: number;
  private window = Buffer.alloc(0);
  private from = 0;

  constructor(private readonly handle: number) {
    this.size = fs.fstatSync(handle).size;
  }

  view(start: number, end: number): Uint8Array {
    if (start < this.from || end > this.from + this.window.length) this.fill(start, end);
    return this.window.subarray(start - this.from, end - this.from);
  }

  private fill(start: number, end: number): void {
    const bytes = Math.min(Math.max(WINDOW_BYTES, end - start), this.size - start);
    const window = Buffer.alloc(bytes);
    let filled = 0;
    while (filled < bytes) {
      const read = fs.readSync(this.handle, window, filled, bytes - filled, start + filled);
      if (read === 0) throw new Error('the file became shorter while it was read');
      filled += read;
    }
    this.window = window;
    this.from = start;
  }
}
