/** Callers of whom something is remembered before those that wait for nothing are forgotten. */
const REMEMBERED = 1_024;

/**
 * Turns of callers in a queue, by start-time fair queueing (Goyal, Vin and Cheng, 1996): a request starts, on a clock
 * that counts rows, where the one before it of the same caller ends, and never before what is served now. Who sends much
 * therefore waits behind itself; who comes anew waits for one request of everybody else, however long the queue is.
 */
export class Turns {
  private now = 0;
  private readonly ends = new Map<string, number>();

  /** Turn of a request of so many rows; the smallest goes first. Requests without a caller are of one caller. */
  take(caller = '', rows = 1): number {
    const start = Math.max(this.now, this.ends.get(caller) ?? 0);
    this.ends.set(caller, start + rows);
    if (this.ends.size > REMEMBERED) this.forget();
    return start;
  }

  /**
   * Tells that a request is served. The clock goes on by its share even if no turn is later: else callers that come for
   * one request each would go before the second one of any other, for ever.
   *
   * @param waiting requests that still wait
   */
  served(turn: number, rows: number, waiting: number): void {
    if (waiting === 0) return this.rest();
    this.now = Math.max(this.now, turn) + rows / (waiting + 1);
  }

  /** Nobody waits, so nobody has a claim. */
  private rest(): void {
    this.now = 0;
    this.ends.clear();
  }

  private forget(): void {
    for (const [caller, end] of this.ends) if (end <= this.now) this.ends.delete(caller);
  }
}
