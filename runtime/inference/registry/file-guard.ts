import type { FastifyBaseLogger } from 'fastify';
import type { ModelIdentity } from '../data-plane';
import { filesDamaged, hostNotStarted, isShortage, ModelError } from '../errors';
import type { ModelVersion } from './model-version';
import type { ModelSource, VerifiedModel } from './source';

/** What a guard of files works with. */
export interface FileGuardDeps {
  readonly sourceOf: (name: string) => ModelSource | undefined;
  readonly log: Pick<FastifyBaseLogger, 'info' | 'warn'>;
  /** Told each time that files were found damaged. */
  readonly damaged: (model: ModelIdentity) => void;
}

/** Holds the files of versions on the disk to what they were when they were fetched, and has damaged ones fetched anew. */
export class FileGuard {
  constructor(private readonly deps: FileGuardDeps) {}

  /**
   * Lets content be loaded again only when every byte of it is what it was.
   *
   * @throws ModelError
   */
  async admit(entry: ModelVersion, digest: string): Promise<void> {
    if (entry.files?.digest !== digest) throw filesDamaged(new Error('this content is not served any more'));
    try {
      await this.hold(entry, false);
    } catch (error) {
      // What keeps its files from being read keeps its process from being started, too.
      throw error instanceof ModelError && isShortage(error.cause) ? hostNotStarted(error.cause) : error;
    }
  }

  /**
   * Checks the files of a version, and has damaged ones fetched anew. True when they were damaged and are whole again.
   *
   * @param gently slowly, so that those who serve are not disturbed
   * @throws ModelError `LNMT8314` when they stay damaged
   */
  async hold(entry: ModelVersion, gently: boolean): Promise<boolean> {
    const source = this.deps.sourceOf(entry.identity.name);
    for (;;) {
      const { files } = entry;
      if (source === undefined || files === undefined) return false;
      if (await source.recheck(files, gently)) return false;
      // What was replaced meanwhile may be gone, and is nobody's any more.
      if (entry.files === files) return this.mend(source, entry.identity, files);
    }
  }

  private async mend(source: ModelSource, model: ModelIdentity, files: VerifiedModel): Promise<true> {
    const { log, damaged } = this.deps;
    damaged(model);
    log.warn({ ...model, digest: files.digest }, 'model files on the disk are damaged, fetching them anew');
    try {
      if (source.repair === undefined) throw new Error('their repository gives them only once');
      await source.repair(model, files);
    } catch (error) {
      throw filesDamaged(error);
    }
    log.info({ ...model, digest: files.digest }, 'model files on the disk are whole again');
    return true;
  }
}
