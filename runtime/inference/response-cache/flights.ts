import { RequestError } from '../../shared/errors';
import { patiently } from '../deadline';
import type { Patience } from '../deadline';
import { clientGone, deadlinePassed } from '../errors';

interface Flight<T> {
  readonly result: Promise<T>;
  readonly ending: AbortController;
  waiting: number;
  over: boolean;
}

/** One of several who wait for the same. */
export interface Landed<T> {
  readonly value: T;
  /** True where another asked first. */
  readonly joined: boolean;
}

/** What the first passenger died of, and the others need not. */
const isOwn = (error: unknown): boolean => error instanceof RequestError && error.code === deadlinePassed().code;

/** Lets all who ask for the same at once wait for one piece of work. It ends when nobody waits any more. */
export class Flights<T> {
  private readonly flights = new Map<string, Flight<T>>();

  /**
   * @param now milliseconds of a monotonic clock
   */
  constructor(private readonly now: () => number) {}

  /** Has work done, or waits for that of another. @throws RequestError */
  async board(key: string, passenger: Patience, work: (signal: AbortSignal) => Promise<T>): Promise<Landed<T>> {
    const { signal, deadline } = passenger;
    for (;;) {
      const found = this.flights.get(key);
      const flight = found ?? this.start(key, work);
      // The first one's own deadline is kept by the queue: a run that has begun in time is answered.
      const waits = found === undefined ? { signal } : passenger;
      try {
        const value = await this.ride(key, flight, waits);
        return { value, joined: found !== undefined };
      } catch (error) {
        const isOver = deadline !== undefined && this.now() >= deadline;
        if (found === undefined || !isOwn(error) || isOver) throw error;
      }
    }
  }

  private async ride(key: string, flight: Flight<T>, passenger: Patience): Promise<T> {
    flight.waiting += 1;
    try {
      const got = await patiently(flight.result, passenger, this.now);
      if (got === 'left') throw clientGone();
      if (got === 'expired') throw deadlinePassed();
      return got;
    } finally {
      flight.waiting -= 1;
      if (flight.waiting === 0 && !flight.over) {
        if (this.flights.get(key) === flight) this.flights.delete(key);
        flight.ending.abort();
      }
    }
  }

  private start(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const ending = new AbortController();
    const result = work(ending.signal).finally(() => {
      flight.over = true;
      if (this.flights.get(key) === flight) this.flights.delete(key);
    });
    const flight: Flight<T> = { result, ending, waiting: 0, over: false };
    // Nobody may be left to hear of a failure.
    result.catch(() => undefined);
    this.flights.set(key, flight);
    return flight;
  }
}
