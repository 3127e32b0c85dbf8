import type { Cancellation } from '../../shared/cancellation';
import { Turns } from '../batching/turns';
import type { Caller } from '../batching/turns';

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

interface Place<T> {
  readonly item: T;
  readonly caller: Caller;
  readonly cost: number;
  /** Takes the ear off the signal. */
  readonly forget: () => void;
}

/** What waits in the turns of its callers. Whose asker leaves is dropped, at once. */
export class TurnQueue<T> {
  /** From first to last. */
  private readonly places: Place<T>[] = [];
  private readonly turns = new Turns();

  /** How many wait. */
  get size(): number {
    return this.places.length;
  }

  /** Lets one more wait. */
  push(item: T, { signal, caller, cost = 1, left }: WaitingOptions): void {
    if (signal?.aborted) return left();
    const leave = (): void => {
      if (this.delete(item)) left();
    };
    signal?.addEventListener('abort', leave, { once: true });
    const forget = (): void => signal?.removeEventListener('abort', leave);
    this.places.push({ item, caller: this.turns.came(caller), cost, forget });
  }

  /** Takes out whose turn it is; of one caller what came first. */
  shift(): T | undefined {
    let first: Place<T> | undefined;
    for (const place of this.places) {
      if (first === undefined || place.caller.start < first.caller.start) first = place;
    }
    if (first === undefined) return undefined;
    this.remove(first);
    this.turns.served(first.caller, first.cost);
    return first.item;
  }

  /** Takes one out; false when it does not wait. */
  delete(item: T): boolean {
    const place = this.places.find((each) => each.item === item);
    if (place === undefined) return false;
    this.remove(place);
    this.turns.gaveUp(place.caller);
    return true;
  }

  /** Takes out all. */
  clear(): T[] {
    const items = this.places.map(({ item }) => item);
    for (const item of items) this.delete(item);
    return items;
  }

  private remove(place: Place<T>): void {
    place.forget();
    this.places.splice(this.places.indexOf(place), 1);
  }
}
