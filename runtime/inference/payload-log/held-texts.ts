import { packBytes } from '../tensors/bytes';
import type { NotedTensor } from './record';

interface Growing {
  bytes: Buffer;
  length: number;
}

/**
 * Texts that grow piece by piece. Together they have no more bytes than a record may, in at most twice as much memory (one
 * text alone in no more): beyond that all are let go of, since the values of a tensor stand in a record as a whole or not at
 * all.
 */
export class HeldTexts {
  private readonly texts: Growing[];
  private length = 0;
  private truncated = false;

  /** @param count of the texts @param most bytes of UTF-8, of all together */
  constructor(
    private readonly count: number,
    private readonly most: number,
  ) {
    this.texts = Array.from({ length: count }, () => ({ bytes: Buffer.alloc(0), length: 0 }));
  }

  /** Adds to a text. */
  add(index: number, piece: string): void {
    const text = this.texts[index];
    if (text === undefined) return;
    // In memory of their own: as strings, many short pieces would take many times their bytes.
    const more = Buffer.byteLength(piece);
    this.length += more;
    if (this.length > this.most) {
      this.truncated = true;
      this.texts.length = 0;
      return;
    }
    if (text.length + more > text.bytes.length) text.bytes = this.larger(text, text.length + more);
    text.length += text.bytes.write(piece, text.length);
  }

  /** The texts as a tensor. */
  tensor(name: string): NotedTensor {
    const values = this.texts.map(({ bytes, length }) => bytes.subarray(0, length));
    const data = packBytes(values);
    return { ...{ name, datatype: 'BYTES', shape: [this.count], data }, ...(this.truncated && { truncated: true }) };
  }

  private larger({ bytes, length }: Growing, needed: number): Buffer {
    const room = Math.max(needed, Math.min(2 * bytes.length, this.most));
    const grown = Buffer.allocUnsafeSlow(room);
    bytes.copy(grown, 0, 0, length);
    return grown;
  }
}
