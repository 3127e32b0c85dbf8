import fs from 'node:fs/promises';
import path from 'node:path';
import { ModelError } from '../errors';
import { discard, ON_THE_WAY, OWNER } from './leftovers';
import { Uses } from './uses';

interface Item {
  readonly name: string;
  readonly bytes: number;
  readonly usedMs: number;
  /** True for what may go where room is needed. */
  readonly spare: boolean;
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

/**
 * Keeps a cache within a number of bytes: whole folders, partial files, and what is on its way or being removed. What is
 * in use stays, whatever its size, here or at another server that shares the cache.
 */
export class DiskBudget {
  private readonly uses: Uses;

  /** @param limit bytes; 0 is none */
  constructor(
    private readonly dir: string,
    private readonly limit: number,
  ) {
    this.uses = new Uses(dir);
  }

  /** A folder is in use until it is released as often. Others that share the cache know of it when this is over. */
  hold(digest: string): Promise<void> {
    return this.uses.hold(digest);
  }

  /** Ends one use of a folder. */
  release(digest: string): Promise<void> {
    return this.uses.release(digest);
  }

  /** Bytes of all that it holds. */
  async bytes(): Promise<number> {
    return (await this.items()).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Notes that a folder was used now. */
  async touch(digest: string): Promise<void> {
    const now = new Date();
    await fs.utimes(path.join(this.dir, digest), now, now).catch(() => undefined);
  }

  /**
   * Removes what was not used for longest, folders and partial files, until so many bytes fit.
   *
   * @throws ModelError `LNMT8308` when those in use leave no room
   */
  async makeRoom(needed: number): Promise<void> {
    if (this.limit === 0) return;
    const items = await this.items();
    const elsewhere = await this.uses.elsewhere();
    let held = items.reduce((sum, { bytes }) => sum + bytes, 0);
    const spare = items.filter((item) => item.spare && !elsewhere.has(item.name)).sort((a, b) => a.usedMs - b.usedMs);
    const inUse = spare.reduce((sum, { bytes }) => sum - bytes, held);
    this.checkRoom(needed, inUse);
    for (const { name, bytes } of spare) {
      if (held + needed <= this.limit) return;
      // Somebody may have come to use it while the others were removed.
      if ((await this.uses.elsewhere()).has(name) || !this.isSpare(name)) continue;
      await this.remove(name);
      held -= bytes;
    }
    this.checkRoom(needed, held);
  }

  /** Removes a folder or a partial file. */
  async remove(name: string): Promise<void> {
    await discard(this.dir, name);
  }

  private checkRoom(needed: number, inUse: number): void {
    if (inUse + needed <= this.limit) return;
    throw new ModelError('LNMT8308', `${needed} bytes beside ${inUse} in use, at most ${this.limit}`);
  }

  private async items(): Promise<Item[]> {
    const items: Item[] = [];
    for (const name of await fs.readdir(this.dir).catch(() => [])) {
      const spare = this.isSpare(name);
      if (spare === undefined) continue;
      const file = path.join(this.dir, name);
      try {
        const stats = await fs.stat(file);
        const bytes = stats.isDirectory() ? await bytesBelow(file) : stats.size;
        items.push({ name, bytes, usedMs: stats.mtimeMs, spare });
      } catch {
        // Another process removed it meanwhile.
      }
    }
    return items;
  }

  /** True for what may go; undefined for what does not count. */
  private isSpare(name: string): boolean | undefined {
    // Some bytes that say who is at work.
    if (name.endsWith(OWNER)) return undefined;
    if (DIGEST.test(name)) return !this.uses.has(name);
    if (name.startsWith(ON_THE_WAY.partial)) return true;
    return name.startsWith(ON_THE_WAY.staging) || name.startsWith(ON_THE_WAY.trash) ? false : undefined;
  }
}
