import { stateOf } from './file-state';

const POLL_MS = 1_000;

/** What is followed, and who is told. */
export interface FollowedFiles<T> {
  readonly files: readonly string[];
  /** Reads what they hold; throws where that is not good. */
  readonly read: () => T;
  /** Takes what they hold once they have changed; throws where it cannot be used. */
  readonly changed: (content: T) => void;
  /** Told why a change was not taken, once for each state of the files. */
  readonly failed: (error: unknown) => void;
}

/**
 * Files of mounted folders, followed as they change. They are polled through `stat`, because a Secret is updated by
 * swapping a link of a parent folder, which file watchers do not see. What was good before stays in use until a change is
 * taken, and a change that could not be taken is tried again: what failed may have been the reading.
 */
export class FileFollower<T> {
  private content: T;
  private state: string;
  /** State that failed last, so that one fault is told once. */
  private failed: string | undefined;
  private readonly timer: NodeJS.Timeout;

  /** Throws what reading throws, when there is nothing good to begin with. */
  constructor(private readonly followed: FollowedFiles<T>) {
    // Taken before the content, so that a change between the two is seen at the next poll.
    this.state = this.look();
    this.content = followed.read();
    this.timer = setInterval(() => this.poll(), POLL_MS).unref();
  }

  /** What is in use. */
  get current(): T {
    return this.content;
  }

  /** True while the files hold what was not taken, and what was good before is in use. */
  get refused(): boolean {
    return this.failed !== undefined;
  }

  /** Takes what has changed since the last look. */
  poll(): void {
    let state = 'unknown';
    try {
      state = this.look();
      if (state === this.state) {
        // What could not be looked at for a moment is what it was.
        this.failed = undefined;
        return;
      }
      const content = this.followed.read();
      this.followed.changed(content);
      [this.state, this.content, this.failed] = [state, content, undefined];
    } catch (error) {
      if (state === this.failed) return;
      this.failed = state;
      this.followed.failed(error);
    }
  }

  /** Stops following the files. */
  close(): void {
    clearInterval(this.timer);
  }

  private look(): string {
    return this.followed.files.map(stateOf).join('|');
  }
}
