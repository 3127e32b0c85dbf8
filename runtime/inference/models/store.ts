import type { Readable } from 'node:stream';
import { ModelError } from '../errors';

/** One thing in a folder of a store. */
export interface StoreEntry {
  readonly name: string;
  /** Size in bytes; absent for a folder. */
  readonly bytes?: number;
  /** Something that changes with the content. @default - nothing is known of it */
  readonly tag?: string;
}

/** Where models lie, by path below the root of the store. */
export interface ModelStore {
  /**
   * Opens a file.
   *
   * @param start byte to begin at
   * @param tag what the listing said of its content: another content is not opened @default - any content
   * @throws ModelError `LNMT8301` when there is no such file, `LNMT8304` when the store cannot be reached
   * @throws ContentChanged when it holds another content by now
   */
  open(path: string, start?: number, tag?: string): Promise<Readable>;
  /**
   * All that a folder holds; nothing when there is no such folder.
   *
   * @throws ModelError `LNMT8304` when the store cannot be reached, `LNMT8309` when it has no folders, `LNMT8316` when
   *   it holds too much
   */
  list(folder: string): Promise<readonly StoreEntry[]>;
}

/** A store does not give a file from the byte on that was asked for: it is taken from the beginning. */
export class CannotResume extends ModelError {
  constructor(file: string, cause?: unknown) {
    super('LNMT8304', `${file}: the store cannot resume`, true, cause);
    this.name = 'CannotResume';
  }
}

/** A file is not what it was when it was listed. Asked again, its store says what it is now. */
export class ContentChanged extends ModelError {
  constructor(file: string, cause?: unknown) {
    super('LNMT8304', `${file} changed while it was read`, true, cause);
    this.name = 'ContentChanged';
  }
}
