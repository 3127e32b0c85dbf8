import type { FastifyRequest, RequestPayload } from 'fastify';
import { bodyTooLarge } from './errors';

/** Bytes up to which a body may share its memory with what came along with it. */
export const SHARED_BYTES = 64 * 1024;

/**
 * Room for a body of several pieces: its least bytes, and how many times as long as what came it may become. A body that
 * announces its length is believed more, as pages that nothing is written to are no memory; then no copy is a long one.
 */
const ROOM = { least: SHARED_BYTES, growth: { announced: 64, chunked: 4 } } as const;

/**
 * Bytes that come in pieces, each put where it belongs at once: to join 64 MiB when the last has come takes 60 ms, in
 * which nobody else is served.
 */
class GrowingBytes {
  length = 0;
  private bytes: Buffer = Buffer.alloc(0);

  /**
   * @param most bytes that can come
   * @param growth how many times as much room as came may be made
   */
  constructor(
    private readonly most: number,
    private readonly growth: number,
  ) {}

  add(piece: Buffer): void {
    const held = this.length;
    this.length += piece.length;
    // Most bodies are one piece, and need no copy; nothing is read that is larger than the smallest room.
    if (held === 0 && piece.length <= ROOM.least) {
      this.bytes = piece;
      return;
    }
    if (this.length > this.bytes.length) this.grow(held);
    this.bytes.set(piece, held);
  }

  whole(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  private grow(held: number): void {
    const wanted = Math.max(ROOM.least, this.growth * this.length);
    const room = Buffer.allocUnsafeSlow(Math.max(this.length, Math.min(this.most, wanted)));
    room.set(this.bytes.subarray(0, held));
    this.bytes = room;
  }
}

type Done = (error: Error | null, body?: Buffer) => void;

/** Reads a body of up to `maxBytes` as it is. It is the only view of its memory where it is longer than {@link SHARED_BYTES}. */
export function readBytes(maxBytes: number): (request: FastifyRequest, payload: RequestPayload, done: Done) => void {
  return ({ headers, raw }, payload, done) => {
    const announced = Number(headers['content-length'] ?? Number.NaN);
    if (announced > maxBytes) return done(bodyTooLarge(maxBytes));
    // What is decompressed may become longer than what is announced.
    const isKnown = payload === raw && announced >= 0;
    const { growth } = ROOM;
    const bytes = isKnown ? new GrowingBytes(announced, growth.announced) : new GrowingBytes(maxBytes, growth.chunked);
    const over = (error: Error | null): void => {
      payload.off('data', take).off('end', end).off('error', over);
      done(error, error === null ? bytes.whole() : undefined);
    };
    const end = (): void => over(null);
    const take = (piece: Buffer): void => {
      if (bytes.length + piece.length > maxBytes) over(bodyTooLarge(maxBytes));
      else bytes.add(piece);
    };
    payload.on('data', take).on('end', end).on('error', over);
    payload.resume();
  };
}
