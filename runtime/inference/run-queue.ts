import { clientGone } from './errors';

/** What the queue tells of each piece of work. Times in seconds. */
export interface QueueObserver {
  /** Pieces waiting now. */
  depth(waiting: number): void;
  /** How long a piece waited before it began. */
  waited(seconds: number): void;
  /** How long a piece ran. */
  ran(seconds: number): void;
}

interface Entry {
  readonly since: number;
  readonly begin: () => void;
}

/**
 * First in, first out, one piece of work at a time: the place where batches are formed. Its length is bounded by
 * admission, and work whose client has left is dropped before it begins.
 */
export class RunQueue {
  private readonly entries: Entry[] = [];
  private busy = false;

  /** @param now seconds of a monotonic clock */
  constructor(
    private readonly observer: QueueObserver,
    private readonly now: () => number,
  ) {}

  /** Runs the work when its turn comes. Rejects when the signal fires before that. */
  submit<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const entry: Entry = {
        since: this.now(),
        begin: () => {
          signal.removeEventListener('abort', leave);
          this.perform(entry, work).then(resolve, reject);
        },
      };
      const leave = (): void => {
        this.entries.splice(this.entries.indexOf(entry), 1);
        this.observer.depth(this.entries.length);
        reject(clientGone());
      };
      if (signal.aborted) return reject(clientGone());
      signal.addEventListener('abort', leave, { once: true });
      this.entries.push(entry);
      this.next();
    });
  }

  private next(): void {
    if (!this.busy) {
      const entry = this.entries.shift();
      if (entry) {
        this.busy = true;
        entry.begin();
      }
    }
    this.observer.depth(this.entries.length);
  }

  private async perform<T>(entry: Entry, work: () => Promise<T>): Promise<T> {
    const started = this.now();
    this.observer.waited(started - entry.since);
    try {
      return await work();
    } finally {
      this.observer.ran(this.now() - started);
      this.busy = false;
      this.next();
    }
  }
}
