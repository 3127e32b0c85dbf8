/** Lets so much work go on at the same time; the rest waits, first come, first served. */
export class Semaphore {
  private going = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly most: number) {}

  /** Does the work when its turn comes. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.going >= this.most) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.going += 1;
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.going -= 1;
    }
  }
}
