import fs from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { ModelError } from '../errors';
import type { ModelStore, StoreEntry } from './store';

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'unknown');

/** A store in a folder. */
export class FileStore implements ModelStore {
  constructor(private readonly dir: string) {}

  async open(file: string, start = 0): Promise<Readable> {
    try {
      const handle = await fs.open(path.join(this.dir, file), 'r');
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
    const { size, mtimeMs, ctimeMs, ino } = await fs.stat(path.join(dir, name));
    return { name, bytes: size, tag: [ino, mtimeMs, ctimeMs].join(':') };
  }

  private translate(error: unknown, file: string): ModelError {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'EISDIR') return new ModelError('LNMT8301', `no file ${file}`, false, error);
    return new ModelError('LNMT8304', `${file}: ${code}`, true, error);
  }
}
