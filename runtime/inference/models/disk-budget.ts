import fs from 'node:fs/promises';
import path from 'node:path';
import { ModelError } from '../errors';
import { discard, ON_THE_WAY, OWNER } from './leftovers';
import { Uses } from './uses';

interface Item {
  readonly name: string;
  readonly bytes: number;
  /** True for what may go where room is needed. */
  readonly spare: boolean;
}

const DIGEST = /^[0-9a-f]{64}$/;

/** When something was last used, in milliseconds; what another process removed meanwhile goes first. */
const lastUse = (file: string): Promise<number> =>
  fs.stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );

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
  /** Bytes of whole folders: they stay what they are, as their names are digests, and there may be thousands. */
  private sizes = new Map<string, number>();

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
    let held = items.reduce((sum, { bytes }) => sum + bytes, 0);
    if (held + needed <= this.limit) return;
    const elsewhere = await this.uses.elsewhere();
    const spare = await this.fromOldest(items.filter((item) => item.spare && !elsewhere.has(item.name)));
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

  /** The files of a folder were replaced: they may have another size than when they were damaged. */
  renewed(digest: string): void {
    this.sizes.delete(digest);
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
    const sizes = new Map<string, number>();
    for (const name of await fs.readdir(this.dir).catch(() => [])) {
      const spare = this.isSpare(name);
      if (spare === undefined) continue;
      try {
        const bytes = this.sizes.get(name) ?? (await this.measure(name));
        items.push({ name, bytes, spare });
        if (DIGEST.test(name)) sizes.set(name, bytes);
      } catch {
        // Another process removed it meanwhile.
      }
    }
    this.sizes = sizes;
    return items;
  }

  private async measure(name: string): Promise<number> {
    const file = path.join(this.dir, name);
    const stats = await fs.stat(file);
    return stats.isDirectory() ? bytesBelow(file) : stats.size;
  }

  private async fromOldest(items: readonly Item[]): Promise<readonly Item[]> {
    const used = new Map<Item, number>();
    for (const item of items) used.set(item, await lastUse(path.join(this.dir, item.name)));
    return [...items].sort((a, b) => (used.get(a) ?? 0) - (used.get(b) ?? 0));
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
