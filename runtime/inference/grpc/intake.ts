import type { ServerHttp2Stream } from 'node:http2';
import { constants } from 'node:http2';
import { bodyTooLarge, tooSlow } from '../../shared/errors';
import type { RequestError } from '../../shared/errors';

const HEAD_BYTES = 5;

/** Where the messages in the bytes of a call begin and end. */
class Frames {
  /** Messages that came to their end. */
  whole = 0;
  private head = 0;
  private length = 0;
  private left = 0;

  constructor(private readonly most: number) {}

  /** Whether a message began that has not ended. */
  get isWithin(): boolean {
    return this.head > 0;
  }

  /** Goes on with what came; false for a message that says it is too long. */
  read(chunk: Uint8Array): boolean {
    for (let at = 0; at < chunk.length;) {
      if (this.head < HEAD_BYTES) {
        // The first byte says whether the message is compressed.
        this.length = this.head === 0 ? 0 : this.length * 256 + (chunk[at] ?? 0);
        [this.head, at] = [this.head + 1, at + 1];
        if (this.head < HEAD_BYTES) continue;
        if (this.length > this.most) return false;
        this.left = this.length;
      }
      const taken = Math.min(this.left, chunk.length - at);
      [this.left, at] = [this.left - taken, at + taken];
      if (this.left > 0) continue;
      this.head = 0;
      this.whole += 1;
    }
    return true;
  }
}

/** What the messages of a call may cost. */
export interface IntakeLimits {
  /** Bytes of a message, as it travels. */
  readonly messageBytes: number;
  /** Milliseconds from the head of a call to its end, or from the first byte of a message of a stream to its last. */
  readonly receiveMs: number;
}

/**
 * Watches what comes of a call before the library has it, which holds what began for as long as its client likes. Where
 * nobody reads, as when a stream has no room or a message is decompressed, no time passes.
 */
export class Intake {
  private readonly frames: Frames;
  private timer: NodeJS.Timeout | undefined;
  private isAnswered = false;

  /**
   * @param many whether the call is a stream of requests
   * @param refuse ends the call
   */
  constructor(
    private readonly stream: ServerHttp2Stream,
    private readonly limits: IntakeLimits,
    private readonly many: boolean,
    private readonly refuse: (error: RequestError) => void,
  ) {
    this.frames = new Frames(limits.messageBytes);
    // Before the library, and without making anything flow, as `on` would.
    stream.prependListener('data', (chunk: Buffer) => this.came(chunk));
    stream.once('end', () => this.rest()).once('close', () => this.rest());
    stream.on('pause', () => this.rest()).on('resume', () => this.resumed());
    if (!many) this.wait();
  }

  /** The call has its status. What came of it is let go with its stream, and its client has as long to end that. */
  answered(): void {
    this.isAnswered = true;
    this.wait();
  }

  private came(chunk: Buffer): void {
    if (this.isAnswered) return;
    const { whole } = this.frames;
    if (!this.frames.read(chunk)) return this.refuse(bodyTooLarge(this.limits.messageBytes));
    if (!this.many) return;
    if (this.frames.whole > whole) this.rest();
    if (this.frames.isWithin) this.wait();
  }

  private resumed(): void {
    const isAwaited = !this.many || this.frames.isWithin || this.isAnswered;
    if (isAwaited && !this.stream.isPaused()) this.wait();
  }

  private wait(): void {
    if (this.stream.readableEnded || this.stream.destroyed) return;
    this.timer ??= setTimeout(() => this.expire(), this.limits.receiveMs).unref();
  }

  private rest(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private expire(): void {
    this.timer = undefined;
    // Closed at once, a stream would lose its status, and answers that are on their way.
    if (this.isAnswered) this.stream.close(constants.NGHTTP2_NO_ERROR);
    else this.refuse(tooSlow(this.limits.receiveMs / 1000));
  }
}
