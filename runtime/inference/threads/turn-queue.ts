import type { Cancellation } from '../../shared/cancellation';
import { Turns } from '../batching/turns';

/** Who asks. */
export interface Asker {
  /** Fires when nobody waits for the answer. @default - somebody always does */
  readonly signal?: Cancellation | undefined;
  /** Callers take turns. @default - one caller with all others that are not named */
  readonly caller?: string | undefined;
}

/** How something waits. */
export interface WaitingOptions extends Asker {
  /** How much work it is: what callers take turns by. @default 1 */
  readonly cost?: number;
  /** Called once when its asker leaves while it waits. */
  readonly left: () => void;
}

interface Place {
  readonly turn: number;
  readonly cost: number;
  /** Takes the ear off the signal. */
  readonly forget: () => void;
}

/** What waits in the turns of its callers. Whose asker leaves is dropped, at once. */
export class TurnQueue<T> {
  private readonly places = new Map<T, Place>();
  private readonly turns = new Turns();

  /** How many wait. */
  get size(): number {
    return this.places.size;
  }

  /** Lets one more wait. */
  push(item: T, { signal, caller, cost = 1, left }: WaitingOptions): void {
    if (signal?.aborted) return left();
    const leave = (): void => {
      if (this.delete(item)) left();
    };
    signal?.addEventListener('abort', leave, { once: true });
    const forget = (): void => signal?.removeEventListener('abort', leave);
    this.places.set(item, { turn: this.turns.take(caller, cost), cost, forget });
  }

  /** Takes out whose turn it is; of equal ones the one that came first. */
  shift(): T | undefined {
    let [first, least]: [T | undefined, number] = [undefined, Number.POSITIVE_INFINITY];
    for (const [item, { turn }] of this.places) if (turn < least) [first, least] = [item, turn];
    const place = first === undefined ? undefined : this.places.get(first);
    if (first === undefined || place === undefined) return undefined;
    this.delete(first);
    this.turns.served(place.turn, place.cost, this.places.size);
    return first;
  }

  /** Takes one out; false when it does not wait. */
  delete(item: T): boolean {
    this.places.get(item)?.forget();
    return this.places.delete(item);
  }

  /** Takes out all. */
  clear(): T[] {
    const items = [...this.places.keys()];
    for (const item of items) this.delete(item);
    return items;
  }
}
