import { randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { isOwned, timeOf } from './owner';

/** How names begin of what is on its way in the folder of a cache. */
export const ON_THE_WAY = {
  /** A folder that is being filled; who does it says so in a file of the same name with {@link OWNER} after it. */
  staging: '.staging-',
  /** A file that has not come to its end. */
  partial: '.partial-',
  /** What is being removed. */
  trash: '.trash-',
  /** An empty file by which a server says that it uses a folder; who that is says one with {@link OWNER} at its end. */
  use: '.used-',
} as const;

/** Ending of the file that says who fills a folder, or uses some. */
export const OWNER = '.owner';
/** Length of how the marks of one server begin. */
const USER = ON_THE_WAY.use.length + randomUUID().length;

/** For so long a partial file waits for someone to complete it. */
export const FORGOTTEN_MS = 7 * 24 * 3_600_000;

/** What has no owner: a note that was being written, or a folder of a server that told nobody who fills it. */
const NAMELESS = /^\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** For so long it may still be at work. */
export const NAMELESS_MS = 3_600_000;

/** What a pass over a folder has done. */
export interface Swept {
  /** Folders and files that nobody worked on any more. */
  readonly removed: number;
  /** Partial files that can be completed. */
  readonly kept: number;
}

const sizeOf = async (file: string): Promise<number> =>
  fs.stat(file).then(
    ({ size }) => size,
    () => 0,
  );

/** Removes something, first from sight: what is half removed is never taken for whole. */
export async function discard(dir: string, name: string): Promise<void> {
  const trash = path.join(dir, `${ON_THE_WAY.trash}${randomUUID()}`);
  await fs.rename(path.join(dir, name), trash).catch(() => undefined);
  await fs.rm(trash, { recursive: true, force: true }).catch(() => undefined);
}

/** Has a partial file for oneself, where there is one: nobody else appends to it meanwhile. Gives its bytes. */
export async function takeOver(dir: string, staging: string, partial: string): Promise<number> {
  const file = path.join(staging, partial);
  await fs.rename(path.join(dir, partial), file).catch(() => undefined);
  return sizeOf(file);
}

/** Leaves the partial files of a folder to whoever completes them. */
export async function giveBack(dir: string, staging: string): Promise<void> {
  const names = await fs.readdir(staging).catch(() => []);
  for (const name of names.filter((each) => each.startsWith(ON_THE_WAY.partial))) {
    const [from, to] = [path.join(staging, name), path.join(dir, name)];
    // Somebody else may have come further meanwhile.
    if ((await sizeOf(from)) > (await sizeOf(to))) await fs.rename(from, to).catch(() => undefined);
  }
}

async function isOlder(file: string, now: number, most: number): Promise<boolean> {
  const stats = await fs.stat(file).catch(() => undefined);
  return stats !== undefined && now - stats.mtimeMs > most;
}

/** One pass over a folder. */
interface Pass {
  readonly dir: string;
  /** Time of the file system, in milliseconds. */
  readonly now: number;
  /** True while whoever holds this file lives. */
  readonly isOwned: (file: string) => Promise<boolean>;
}

/** Looks up each owner once: a server has one for all the marks of what it uses, which may be thousands. */
async function passOver(dir: string): Promise<Pass> {
  const now = await timeOf(dir);
  const owners = new Map<string, Promise<boolean>>();
  const lookUp = (file: string): Promise<boolean> => {
    const found = owners.get(file) ?? isOwned(file, now);
    owners.set(file, found);
    return found;
  };
  return { dir, now, isOwned: lookUp };
}

/** Removes one thing if nobody works on it. True when it did. */
async function clear({ dir, now, isOwned }: Pass, name: string): Promise<boolean> {
  const file = path.join(dir, name);
  if (name.startsWith(ON_THE_WAY.use)) {
    if (!(await isOwned(path.join(dir, `${name.slice(0, USER)}${OWNER}`)))) await fs.rm(file, { force: true });
    return false;
  }
  if (name.startsWith(ON_THE_WAY.staging)) {
    const owner = name.endsWith(OWNER) ? file : `${file}${OWNER}`;
    if (await isOwned(owner)) return false;
    if (name.endsWith(OWNER)) return fs.rm(file, { force: true }).then(() => false);
    await giveBack(dir, file);
  } else if (name.startsWith(ON_THE_WAY.partial)) {
    if (!(await isOlder(file, now, FORGOTTEN_MS))) return false;
  } else if (NAMELESS.test(name) && !(await isOlder(file, now, NAMELESS_MS))) {
    return false;
  }
  await discard(dir, name);
  return true;
}

/**
 * Removes from the folder of a cache what ended processes have left there. What living ones are at, of this machine or
 * of others that share the folder, stays; so do partial files, which the next download completes.
 */
export async function sweep(dir: string): Promise<Swept> {
  const begins = Object.values(ON_THE_WAY);
  const all = await fs.readdir(dir).catch(() => []);
  const left = all.filter((name) => NAMELESS.test(name) || begins.some((begin) => name.startsWith(begin)));
  if (left.length === 0) return { removed: 0, kept: 0 };
  let removed = 0;
  try {
    const pass = await passOver(dir);
    for (const name of left) if (await clear(pass, name)) removed += 1;
  } catch {
    // A folder that cannot be written holds nothing that is at work, and fills no further.
  }
  const kept = (await fs.readdir(dir).catch(() => [])).filter((name) => name.startsWith(ON_THE_WAY.partial)).length;
  return { removed, kept };
}
