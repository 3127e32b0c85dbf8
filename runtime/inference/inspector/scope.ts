/** What is known of the values of a graph and of the graphs around it. */
export class Scope {
  private readonly constants = new Map<string, readonly bigint[]>();
  private readonly same = new Map<string, string>();
  private readonly computed = new Set<string>();
  private mostTurns = 1n;

  constructor(
    private readonly outer: Scope | undefined,
    /** Graphs around this one. */
    readonly depth: number,
  ) {}

  /** How often the innermost of the loops in this graph turn while it runs once, as far as they state it. */
  get turns(): bigint {
    return this.mostTurns;
  }

  /** Turns of a loop in this graph, with those of the loops inside it. */
  addTurns(turns: bigint): void {
    if (turns > this.mostTurns) this.mostTurns = turns;
  }

  /** A value that is written in the model. */
  addConstant(name: string, integers: readonly bigint[] | undefined): void {
    if (integers !== undefined) this.constants.set(name, integers);
  }

  /** A value that is another one under a new name. */
  addAlias(name: string, of: string): void {
    this.same.set(name, of);
  }

  /** A value that an operator computes, or that comes from outside. */
  addComputed(name: string): void {
    this.computed.add(name);
  }

  /** The name under which a value came into being. */
  origin(name: string): string {
    let current = name;
    // Names form no cycle in a valid graph; in another one this ends all the same.
    for (let hops = 0; hops <= this.same.size; hops += 1) {
      const next = this.same.get(current);
      if (next === undefined) break;
      current = next;
    }
    return current;
  }

  /** Integers of a constant; undefined for what is computed, or long. */
  integers(name: string | undefined): readonly bigint[] | undefined {
    if (name === undefined || name === '') return undefined;
    const origin = this.origin(name);
    const own = this.constants.get(origin);
    if (own !== undefined || this.computed.has(origin)) return own;
    return this.outer?.integers(origin);
  }

  /** True when an operator of this very graph computes the value. */
  isComputedHere(name: string): boolean {
    return this.computed.has(this.origin(name));
  }
}
