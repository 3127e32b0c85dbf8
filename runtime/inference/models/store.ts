import type { Readable } from 'node:stream';

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
   * @throws ModelError `LNMT8301` when there is no such file, `LNMT8304` when the store cannot be reached
   */
  open(path: string, start?: number): Promise<Readable>;
  /**
   * What a folder holds; nothing when there is no such folder.
   *
   * @throws ModelError `LNMT8304` when the store cannot be reached, `LNMT8309` when it has no folders
   */
  list(folder: string): Promise<readonly StoreEntry[]>;
}

/** Most entries of a folder that are looked at. */
export const MAX_ENTRIES = 10_000;
