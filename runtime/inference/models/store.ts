import type { Readable } from 'node:stream';

/** Where models lie, by path below the root of the store. */
export interface ModelStore {
  /**
   * Opens a file.
   *
   * @throws ModelError `LNMT8301` when there is no such file, `LNMT8304` when the store cannot be reached
   */
  open(path: string): Promise<Readable>;
}
