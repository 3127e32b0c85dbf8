/** An id is a slot and how often that slot was taken before, which together stay exact in a double. */
const SLOTS = 2 ** 20;
const TURNS = 2 ** 32;

/**
 * Things that come and go with every request, each under a number. `Set` and `Map` are no place for them: V8 cleans and
 * resizes those by making a new table, to which the old one points. Once a table that nobody uses any more lies in the old
 * generation it keeps all later ones alive, and with them every request that was open when one of them was replaced, so
 * that each collection of the young generation copies what is garbage. Here nothing that was points to what is.
 */
export class Slots<T extends object> {
  private readonly items: (T | undefined)[] = [];
  private readonly turns: number[] = [];
  private readonly free: number[] = [];

  /** Things that are held. */
  get size(): number {
    return this.items.length - this.free.length;
  }

  /** Holds a thing, and gives the id that it has until it goes; ids of others that went before differ. */
  add(item: T): number {
    const slot = this.free.pop() ?? this.items.length;
    if (slot >= SLOTS) throw new Error(`more than ${SLOTS} things are open at once; this is a bug`);
    const turn = ((this.turns[slot] ?? -1) + 1) % TURNS;
    this.items[slot] = item;
    this.turns[slot] = turn;
    return turn * SLOTS + slot;
  }

  /** The thing with this id, while it is held. */
  get(id: number): T | undefined {
    const slot = id % SLOTS;
    return this.turns[slot] === Math.floor(id / SLOTS) ? this.items[slot] : undefined;
  }

  /** Lets go of the thing with this id, and gives it; undefined when it went before. */
  delete(id: number): T | undefined {
    const item = this.get(id);
    if (item === undefined) return undefined;
    const slot = id % SLOTS;
    this.items[slot] = undefined;
    this.free.push(slot);
    return item;
  }

  /** All ids and things, in no order. A copy: what goes meanwhile is in it. */
  entries(): [number, T][] {
    return this.items.flatMap((item, slot): [number, T][] =>
      item === undefined ? [] : [[(this.turns[slot] ?? 0) * SLOTS + slot, item]],
    );
  }
}
