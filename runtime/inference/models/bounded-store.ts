import { Transform, pipeline } from 'node:stream';
import type { Readable } from 'node:stream';
import { ModelError } from '../errors';
import type { ModelStore, StoreEntry } from './store';

/** A listing comes in many answers, and the client shows the whole alone: it has the time of so many. */
const LISTING = 10;

/** A store whose client waits for ever: it may be silent for so long, and is then asked again. */
export class BoundedStore implements ModelStore {
  /** @param silenceMs milliseconds without an answer, or without more of it */
  constructor(
    private readonly store: ModelStore,
    private readonly silenceMs: number,
  ) {}

  async open(file: string, start?: number, tag?: string): Promise<Readable> {
    // One that comes too late is let go.
    const source = await this.within(file, 1, this.store.open(file, start, tag), (late) => late.destroy());
    const through = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        timer.refresh();
        done(null, chunk);
      },
    });
    const timer = setTimeout(() => through.destroy(this.silence(file, 1)), this.silenceMs);
    return pipeline(source, through, () => clearTimeout(timer));
  }

  list(folder: string): Promise<readonly StoreEntry[]> {
    return this.within(folder, LISTING, this.store.list(folder));
  }

  private silence(what: string, times: number): ModelError {
    const seconds = (times * this.silenceMs) / 1000;
    return new ModelError('LNMT8304', `${what}: nothing came of the store for ${seconds} s`, true);
  }

  private within<T>(what: string, times: number, answer: Promise<T>, late?: (answer: T) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        reject(this.silence(what, times));
      }, times * this.silenceMs);
      answer.then((value) => (isLate ? late?.(value) : resolve(value)), reject).finally(() => clearTimeout(timer));
    });
  }
}
