import fs from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { ModelError } from '../errors';
import type { ModelStore } from './store';

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'unknown');

/** A store in a folder. */
export class FileStore implements ModelStore {
  constructor(private readonly dir: string) {}

  async open(file: string): Promise<Readable> {
    try {
      const handle = await fs.open(path.join(this.dir, file), 'r');
      return handle.createReadStream();
    } catch (error) {
      if (codeOf(error) === 'ENOENT') throw new ModelError('LNMT8301', `no file ${file}`, false, error);
      throw new ModelError('LNMT8304', `${file}: ${codeOf(error)}`, true, error);
    }
  }
}
