import fs from 'node:fs';

/** Bytes that are brought into memory when they are asked for. */
export interface Bytes {
  readonly size: number;
  /** All of them. */
  read(): Uint8Array;
  /** All of them, piece by piece. */
  chunks(): Iterable<Uint8Array>;
}

const CHUNK_BYTES = 4 * 2 ** 20;

/** Most bytes that one call reads or writes: Node.js refuses 2 GiB and more. */
export const CALL_BYTES = 2 ** 30;

/**
 * Fills a buffer from a place of an open file, in as many calls as it takes.
 *
 * @param most bytes of a call
 */
export function readFully(handle: number, bytes: Uint8Array, position: number, most = CALL_BYTES): void {
  for (let filled = 0; filled < bytes.length;) {
    const read = fs.readSync(handle, bytes, filled, Math.min(most, bytes.length - filled), position + filled);
    if (read === 0) throw new Error('a file of the model became shorter while it was read');
    filled += read;
  }
}

/**
 * Writes a buffer to an open file, in as many calls as it takes.
 *
 * @param most bytes of a call
 */
export function writeFully(handle: number, bytes: Uint8Array, most = CALL_BYTES): void {
  for (let at = 0; at < bytes.length;) at += fs.writeSync(handle, bytes, at, Math.min(most, bytes.length - at));
}

/** Bytes in memory. */
export class MemoryBytes implements Bytes {
  constructor(private readonly content: Uint8Array) {}

  get size(): number {
    return this.content.byteLength;
  }

  read(): Uint8Array {
    return this.content;
  }

  chunks(): Iterable<Uint8Array> {
    return [this.content];
  }
}

/** A range of a file: an open one, or one that is opened for each read, as models may have thousands. */
export class FileBytes implements Bytes {
  constructor(
    private readonly file: number | string,
    private readonly start: number,
    readonly size: number,
  ) {}

  read(): Uint8Array {
    return this.part(0, this.size);
  }

  *chunks(): Generator<Uint8Array> {
    for (let at = 0; at < this.size; at += CHUNK_BYTES) yield this.part(at, Math.min(this.size, at + CHUNK_BYTES));
  }

  private part(from: number, to: number): Uint8Array {
    if (typeof this.file === 'number') return this.readFrom(this.file, from, to);
    const handle = fs.openSync(this.file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
    try {
      return this.readFrom(handle, from, to);
    } finally {
      fs.closeSync(handle);
    }
  }

  private readFrom(handle: number, from: number, to: number): Uint8Array {
    // A buffer of its own: elements of any width can be viewed in it.
    const bytes = new Uint8Array(to - from);
    readFully(handle, bytes, this.start + from);
    return bytes;
  }
}

/** Bytes that are computed each time they are asked for, so that only one such range is in memory. */
export class ComputedBytes implements Bytes {
  constructor(
    readonly size: number,
    private readonly compute: () => Uint8Array,
  ) {}

  read(): Uint8Array {
    const bytes = this.compute();
    if (bytes.byteLength !== this.size) throw new Error(`computed ${bytes.byteLength} bytes, expected ${this.size}`);
    return bytes;
  }

  chunks(): Iterable<Uint8Array> {
    return [this.read()];
  }
}
