import type { Stats } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { codeOf } from '../../shared/file-state';
import { ModelError } from '../errors';
import { ContentChanged } from './store';
import type { ModelStore, StoreEntry } from './store';

/** What changes with the content of a file. */
const tagOf = ({ ino, mtimeMs, ctimeMs }: Stats): string => [ino, mtimeMs, ctimeMs].join(':');

/** A store in a folder. */
export class FileStore implements ModelStore {
  constructor(private readonly dir: string) {}

  async open(file: string, start = 0, tag?: string): Promise<Readable> {
    try {
      const handle = await fs.open(path.join(this.dir, file), 'r');
      if (tag !== undefined && tagOf(await handle.stat()) !== tag) {
        await handle.close();
        throw new ContentChanged(file);
      }
      return handle.createReadStream({ start });
    } catch (error) {
      throw this.translate(error, file);
    }
  }

  async list(folder: string): Promise<readonly StoreEntry[]> {
    const dir = path.join(this.dir, folder);
    try {
      const entries = await fs.readdir(dir, { withFileTypes: true });
      // Links, devices and sockets are no part of a store.
      const plain = entries.filter((entry) => entry.isFile() || entry.isDirectory());
      return await Promise.all(plain.map((entry) => this.entry(dir, entry.name, entry.isDirectory())));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw this.translate(error, folder);
    }
  }

  private async entry(dir: string, name: string, isFolder: boolean): Promise<StoreEntry> {
    if (isFolder) return { name };
    const stats = await fs.stat(path.join(dir, name));
    return { name, bytes: stats.size, tag: tagOf(stats) };
  }

  private translate(error: unknown, file: string): ModelError {
    if (error instanceof ModelError) return error;
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'EISDIR') return new ModelError('LNMT8301', `no file ${file}`, false, error);
    return new ModelError('LNMT8304', `${file}: ${code}`, true, error);
  }
}
