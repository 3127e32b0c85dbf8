import type { FastifyBaseLogger } from 'fastify';
import type { FileGuard } from './file-guard';
import type { ModelVersion } from './model-version';

/** What a scrubber works with. */
export interface ScrubberDeps {
  /** Seconds from the end of one round to the next; 0 makes none. */
  readonly interval: number;
  readonly guard: Pick<FileGuard, 'hold'>;
  /** Every version that is known. */
  readonly versions: () => readonly ModelVersion[];
  /** Loads a version anew, in place of what is in memory. */
  readonly renew: (entry: ModelVersion) => Promise<void>;
  readonly log: Pick<FastifyBaseLogger, 'error'>;
}

/**
 * Checks the files of loaded models now and then, slowly and one after another. A model in memory may still read some of them
 * (weights beside a graph are mapped rather than copied), so one whose files were damaged is loaded anew.
 */
export class Scrubber {
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly deps: ScrubberDeps) {}

  /** Begins. */
  start(): void {
    const { interval } = this.deps;
    if (interval === 0 || this.closed) return;
    this.timer = setTimeout(() => void this.round().then(() => this.start()), interval * 1000);
    this.timer.unref();
  }

  /** Looks at every loaded version once. */
  async round(): Promise<void> {
    const damaged = new Set<string>();
    for (const entry of this.deps.versions()) {
      if (!this.closed && entry.loaded !== undefined) await this.look(entry, damaged);
    }
  }

  /** Ends after the file that it reads now. */
  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  /** @param damaged content that was found damaged in this round: versions may share it */
  private async look(entry: ModelVersion, damaged: Set<string>): Promise<void> {
    const digest = entry.files?.digest ?? '';
    try {
      const mended = await this.deps.guard.hold(entry, true);
      if (mended) damaged.add(digest);
      if (damaged.has(digest) && !this.closed) await this.deps.renew(entry);
    } catch (error) {
      this.deps.log.error({ err: error, ...entry.identity, digest }, 'damage to the files of a model is not mended');
    }
  }
}
