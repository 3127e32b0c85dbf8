import type { Backend } from '../backends/backend';
import type { DataPlane } from '../data-plane';
import type { Resident } from './memory-budget';
import type { Popularity } from './popularity';
import { SampleRing } from './samples';

/** What a loaded model is made of. */
export interface LoadedParts {
  readonly plane: DataPlane;
  readonly backend: Backend;
  readonly digest: string;
  readonly pinned: boolean;
  /** Bytes that it was given; replaced by what is measured. */
  readonly reserved: number;
  /** Bytes that its process holds now; undefined when nobody knows. */
  readonly measure: () => number | undefined;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** Uses of the version, which outlive its being loaded. */
  readonly popularity: Popularity;
}

/** A model in memory. Whoever uses it holds it: it ends when nobody does. */
export class LoadedModel implements Resident {
  /** Requests to warm its successor up with. */
  readonly samples = new SampleRing();
  /** Seconds from when its load was wanted until it was over. @default - it goes on */
  loadSeconds: number | undefined;
  /** Held at first for those who waited for it, who come in the same turn of the event loop. */
  private users = 1;
  private patient = true;
  /** Has the drain look again. */
  private wake: () => void = () => undefined;
  private ending: Promise<void> | undefined;
  private closing = false;

  constructor(private readonly parts: LoadedParts) {
    setImmediate(() => this.leave());
  }

  /** What it answers with. */
  get plane(): DataPlane {
    return this.parts.plane;
  }

  get digest(): string {
    return this.parts.digest;
  }

  get pinned(): boolean {
    return this.parts.pinned;
  }

  get worth(): number {
    return this.parts.popularity.worth;
  }

  get busy(): boolean {
    return this.users > 0;
  }

  /** True once it was told to go, whether or not it is still used. */
  get leaving(): boolean {
    return this.ending !== undefined;
  }

  /** True once its process is being ended. */
  get ended(): boolean {
    return this.closing;
  }

  /** Bytes that it holds: measured, and never less than nothing while that is unknown. */
  get bytes(): number {
    return this.parts.measure() ?? this.parts.reserved;
  }

  /** Holds the model for one piece of work. */
  async use<T>(work: (plane: DataPlane) => Promise<T>): Promise<T> {
    this.users += 1;
    this.parts.popularity.use(this.parts.now());
    try {
      return await work(this.parts.plane);
    } finally {
      this.leave();
    }
  }

  /** Waits until nobody uses it, at most so many milliseconds or what was said before, and ends its process. */
  async retire(patienceMs: number): Promise<void> {
    this.ending ??= this.end();
    const timer = setTimeout(() => {
      this.patient = false;
      this.wake();
    }, patienceMs);
    try {
      await this.ending;
    } finally {
      clearTimeout(timer);
    }
  }

  private leave(): void {
    this.users -= 1;
    if (this.users === 0) this.wake();
  }

  private async end(): Promise<void> {
    while (this.busy && this.patient) await new Promise<void>((resolve) => (this.wake = resolve));
    this.closing = true;
    await this.parts.plane.close();
  }
}
