/** Milliseconds after which a use counts half as much. */
const HALF_LIFE_MS = 10 * 60_000;

/**
 * How much a model was used lately. Each use counts, and counts half as much after {@link HALF_LIFE_MS}: a model that was
 * asked for once a moment ago does not push out one that is asked for again and again.
 */
export class Popularity {
  private value = Number.NEGATIVE_INFINITY;

  /**
   * The sum of all uses, on a logarithmic scale on which sums of different moments compare: while nobody uses them, two
   * models keep their order.
   */
  get worth(): number {
    return this.value;
  }

  /** Counts a use. `now` in milliseconds of a monotonic clock. */
  use(now: number): void {
    const moment = now / HALF_LIFE_MS;
    const older = this.value === Number.NEGATIVE_INFINITY ? 0 : 2 ** -Math.abs(this.value - moment);
    this.value = Math.max(this.value, moment) + Math.log2(1 + older);
  }
}
