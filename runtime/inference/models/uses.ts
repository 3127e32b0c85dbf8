import { randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Semaphore } from '../../shared/semaphore';
import { ON_THE_WAY, OWNER } from './leftovers';
import { isOwned, Ownership, timeOf } from './owner';

const MARK = new RegExp(`^\\${ON_THE_WAY.use}([0-9a-f-]{36})-([0-9a-f]{64})$`);

/**
 * Which folders of a cache are in use: by this server, and by others that share it. Each leaves an empty file for each
 * folder that it uses, and one that says who it is.
 */
export class Uses {
  private readonly users = new Map<string, number>();
  private readonly marked = new Set<string>();
  private readonly turns = new Semaphore(1);
  private readonly prefix = `${ON_THE_WAY.use}${randomUUID()}`;
  private owner: Ownership | undefined;

  constructor(private readonly dir: string) {}

  /** True for a folder that this server uses. */
  has(digest: string): boolean {
    return this.users.has(digest);
  }

  /** A folder is in use until it is released as often. Others know of it when this is over. */
  hold(digest: string): Promise<void> {
    this.users.set(digest, (this.users.get(digest) ?? 0) + 1);
    return this.tell(digest);
  }

  /** Ends one use of a folder. */
  release(digest: string): Promise<void> {
    const users = (this.users.get(digest) ?? 0) - 1;
    if (users > 0) this.users.set(digest, users);
    else this.users.delete(digest);
    return this.tell(digest);
  }

  /** Folders that other servers use, those which live. */
  async elsewhere(): Promise<ReadonlySet<string>> {
    const names = await fs.readdir(this.dir).catch(() => []);
    const marks = names.flatMap((name) => {
      const [, id = '', digest = ''] = MARK.exec(name) ?? [];
      const owner = `${ON_THE_WAY.use}${id}`;
      return digest === '' || owner === this.prefix ? [] : [{ owner, digest }];
    });
    if (marks.length === 0) return new Set();
    const now = await timeOf(this.dir);
    const lives = new Map<string, boolean>();
    for (const { owner } of marks) {
      if (!lives.has(owner)) lives.set(owner, await isOwned(path.join(this.dir, `${owner}${OWNER}`), now));
    }
    return new Set(marks.filter(({ owner }) => lives.get(owner)).map(({ digest }) => digest));
  }

  /** A folder that cannot be written is one from which nobody can remove anything either. */
  private tell(digest: string): Promise<void> {
    return this.turns.run(() => this.mark(digest).catch(() => undefined));
  }

  private async mark(digest: string): Promise<void> {
    const isUsed = this.users.has(digest);
    if (isUsed === this.marked.has(digest)) return;
    const file = path.join(this.dir, `${this.prefix}-${digest}`);
    if (isUsed) {
      await fs.mkdir(this.dir, { recursive: true, mode: 0o700 });
      this.owner ??= await Ownership.over(path.join(this.dir, `${this.prefix}${OWNER}`));
      await fs.writeFile(file, '', { mode: 0o600 });
      this.marked.add(digest);
      return;
    }
    this.marked.delete(digest);
    await fs.rm(file, { force: true });
    if (this.marked.size > 0) return;
    await this.owner?.release();
    this.owner = undefined;
  }
}
