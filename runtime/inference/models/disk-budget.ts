import { randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { ModelError } from '../errors';

interface Folder {
  readonly name: string;
  readonly bytes: number;
  readonly usedMs: number;
}

const DIGEST = /^[0-9a-f]{64}$/;

async function bytesBelow(dir: string): Promise<number> {
  let bytes = 0;
  for (const entry of await fs.readdir(dir, { withFileTypes: true })) {
    const full = path.join(dir, entry.name);
    bytes += entry.isDirectory() ? await bytesBelow(full) : (await fs.lstat(full)).size;
  }
  return bytes;
}

/** Keeps the folders of a cache within a number of bytes. Those in use stay, whatever their size. */
export class DiskBudget {
  private readonly users = new Map<string, number>();

  /** @param limit bytes; 0 is none */
  constructor(
    private readonly dir: string,
    private readonly limit: number,
  ) {}

  /** A folder is in use until it is released as often. */
  hold(digest: string): void {
    this.users.set(digest, (this.users.get(digest) ?? 0) + 1);
  }

  /** Ends one use of a folder. */
  release(digest: string): void {
    const users = (this.users.get(digest) ?? 0) - 1;
    if (users > 0) this.users.set(digest, users);
    else this.users.delete(digest);
  }

  /** Bytes of all folders. */
  async bytes(): Promise<number> {
    return (await this.folders()).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Notes that a folder was used now. */
  async touch(digest: string): Promise<void> {
    const now = new Date();
    await fs.utimes(path.join(this.dir, digest), now, now).catch(() => undefined);
  }

  /**
   * Removes the folders that were not used for longest until so many bytes fit.
   *
   * @throws ModelError `LNMT8308` when those in use leave no room
   */
  async makeRoom(needed: number): Promise<void> {
    if (this.limit === 0) return;
    const folders = await this.folders();
    let held = folders.reduce((sum, { bytes }) => sum + bytes, 0);
    const spare = folders.filter(({ name }) => !this.users.has(name)).sort((a, b) => a.usedMs - b.usedMs);
    const inUse = spare.reduce((sum, { bytes }) => sum - bytes, held);
    if (inUse + needed > this.limit) {
      throw new ModelError('LNMT8308', `${needed} bytes beside ${inUse} in use, at most ${this.limit}`);
    }
    for (const { name, bytes } of spare) {
      if (held + needed <= this.limit) return;
      await this.remove(name);
      held -= bytes;
    }
  }

  /** Removes a folder, first from sight: a half-removed one is never taken for a whole one. */
  async remove(name: string): Promise<void> {
    const trash = path.join(this.dir, `.trash-${randomUUID()}`);
    await fs.rename(path.join(this.dir, name), trash).catch(() => undefined);
    await fs.rm(trash, { recursive: true, force: true });
  }

  private async folders(): Promise<Folder[]> {
    const names = await fs.readdir(this.dir).catch(() => []);
    const folders: Folder[] = [];
    for (const name of names.filter((each) => DIGEST.test(each))) {
      const dir = path.join(this.dir, name);
      try {
        folders.push({ name, bytes: await bytesBelow(dir), usedMs: (await fs.stat(dir)).mtimeMs });
      } catch {
        // Another process removed it meanwhile.
      }
    }
    return folders;
  }
}
