/** What one stream may hold: requests that were read, until their clients have taken the answers. */
export const STREAM_LIMITS = {
  /** Requests that are answered at the same time, and answers that are not taken. */
  inFlight: 8,
  /** Bytes with which no further request is read. One that is larger goes alone. */
  bytes: 2 * 2 ** 20,
} as const;

/**
 * Room of one stream, in which each request has one answer, in their order. A request takes of it from when it is read until
 * its answer is taken, and as much as the largest answer so far: what the answers to come will be nobody knows.
 */
export class StreamRoom {
  private readonly requests: number[] = [];
  private largest = 0;
  private waiting: (() => void) | undefined;

  /** Reads the next request, now or when there is room for it. */
  read(start: () => void): void {
    if (this.hasRoom) start();
    else this.waiting = start;
  }

  /** A request was read. */
  came(bytes: number): void {
    this.requests.push(bytes);
  }

  /** An answer is on its way. */
  sent(bytes: number): void {
    this.largest = Math.max(this.largest, bytes);
  }

  /** The answer to the oldest request is taken. */
  taken(): void {
    this.requests.shift();
    const start = this.waiting;
    if (start === undefined || !this.hasRoom) return;
    this.waiting = undefined;
    start();
  }

  private get hasRoom(): boolean {
    const held = this.requests.reduce((sum, bytes) => sum + Math.max(bytes, this.largest), 0);
    return this.requests.length < STREAM_LIMITS.inFlight && held < STREAM_LIMITS.bytes;
  }
}
