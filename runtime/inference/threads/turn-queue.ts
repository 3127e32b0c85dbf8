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

interface Place {
  readonly caller: Caller;
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
    this.places.set(item, { caller: this.turns.came(caller), cost, forget });
  }

  /** Takes out whose turn it is; of one caller what came first. */
  shift(): T | undefined {
    let [first, least]: [T | undefined, number] = [undefined, Number.POSITIVE_INFINITY];
    for (const [item, { caller }] of this.places) if (caller.start < least) [first, least] = [item, caller.start];
    const place = first === undefined ? undefined : this.remove(first);
    if (place !== undefined) this.turns.served(place.caller, place.cost);
    return first;
  }

  /** Takes one out; false when it does not wait. */
  delete(item: T): boolean {
    const place = this.remove(item);
    if (place !== undefined) this.turns.gaveUp(place.caller);
    return place !== undefined;
  }

  /** Takes out all. */
  clear(): T[] {
    const items = [...this.places.keys()];
    for (const item of items) this.delete(item);
    return items;
  }

  private remove(item: T): Place | undefined {
    const place = this.places.get(item);
    place?.forget();
    this.places.delete(item);
    return place;
  }
}
