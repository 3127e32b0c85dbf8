/** Callers of whom something is remembered before those that wait for nothing are forgotten. */
const REMEMBERED = 1_024;

/** A caller in a queue. */
export interface Caller {
  readonly name: string;
  /** Where its next request starts, on the clock of turns: rows. */
  start: number;
  /** Its requests that wait. */
  waiting: number;
  /** The rest of the queue before which it came last. */
  rest: number;
}

/**
 * Turns of callers in a queue, by start-time fair queueing (Goyal, Vin and Cheng, 1996): a request starts, on a clock
 * that counts rows, where the one before it of the same caller ends, and never before what is served now. Who sends much
 * therefore waits behind itself; who comes anew waits for one request of everybody else, however long the queue is. A
 * caller has one start, that of whichever request it has served next: which one that is makes no difference to others,
 * and what is given up before it is served has taken nothing.
 */
export class Turns {
  private now = 0;
  private waiting = 0;
  private rests = 0;
  private readonly callers = new Map<string, Caller>();

  /** A request waits. Those without a name are of one caller. */
  came(name = ''): Caller {
    const caller = this.callers.get(name) ?? this.fresh(name);
    if (caller.waiting === 0) {
      caller.start = caller.rest === this.rests ? Math.max(this.now, caller.start) : this.now;
      caller.rest = this.rests;
    }
    caller.waiting += 1;
    this.waiting += 1;
    return caller;
  }

  /** A request that was served waits again, and its caller has its turn back. */
  again({ name }: Caller, rows: number): Caller {
    const caller = this.came(name);
    caller.start -= rows;
    return caller;
  }

  /** A request waits no more, and was not served. */
  gaveUp(caller: Caller): void {
    caller.waiting -= 1;
    this.waiting -= 1;
    if (this.waiting === 0) this.rest();
  }

  /**
   * A request is served. The clock goes on by its share even if no turn is later: else callers that come for one request
   * each would go before the second one of any other, for ever.
   */
  served(caller: Caller, rows: number): void {
    this.now = Math.max(this.now, caller.start) + rows / this.waiting;
    caller.start += rows;
    this.gaveUp(caller);
  }

  /** Nobody waits, so nobody has a claim. The callers stay: most come again. */
  private rest(): void {
    this.now = 0;
    this.rests += 1;
  }

  private fresh(name: string): Caller {
    if (this.callers.size >= REMEMBERED) this.forget();
    const caller = { name, start: this.now, waiting: 0, rest: this.rests };
    this.callers.set(name, caller);
    return caller;
  }

  private forget(): void {
    for (const [name, { start, waiting, rest }] of this.callers) {
      if (waiting === 0 && (rest !== this.rests || start <= this.now)) this.callers.delete(name);
    }
  }
}
