import { randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from '../../shared/file-state';
import { asModelError } from './download';
import { giveBack, ON_THE_WAY, OWNER } from './leftovers';
import { Ownership } from './owner';

/**
 * Works in a folder of its own in that of a cache, out of sight. What has come in part when it fails is left to whoever
 * completes it.
 *
 * @throws ModelError
 */
export async function apart<T>(dir: string, work: (staging: string) => Promise<T>): Promise<T> {
  const staging = path.join(dir, `${ON_THE_WAY.staging}${randomUUID()}`);
  let owner: Ownership | undefined;
  try {
    await fs.mkdir(dir, { recursive: true, mode: 0o700 });
    owner = await Ownership.over(`${staging}${OWNER}`);
    await fs.mkdir(staging, { mode: 0o700 });
    return await work(staging);
  } catch (error) {
    const failure = asModelError(error);
    // What fills the disk keeps every other model from it, and what is at fault itself nobody completes.
    if (failure.retryable && failure.code !== 'LNMT8308') await giveBack(dir, staging);
    throw failure;
  } finally {
    await fs.rm(staging, { recursive: true, force: true });
    await owner?.release();
  }
}

/** How the system says that a folder cannot be renamed, as there is another one with something in it. */
const OCCUPIED: readonly string[] = ['ENOTEMPTY', 'EEXIST'];
/** Folders that are damaged and come one after another, before it is given up. */
const TRIES = 3;

/**
 * Shows a folder under its name. Where there is one already, a whole one stays; a damaged one leaves in one piece, because
 * files that another server brings meanwhile would be removed with it, were it emptied where it is.
 *
 * @param isWhole looks at the one that is there
 */
export async function show(staging: string, target: string, isWhole: () => Promise<boolean>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await fs.rename(staging, target);
    } catch (error) {
      if (await isWhole()) return;
      if (!OCCUPIED.includes(codeOf(error)) || tries === TRIES) throw error;
    }
    const damaged = `${staging}-${tries}`;
    await fs.rename(target, damaged).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
    });
    await fs.rm(damaged, { recursive: true, force: true });
  }
}
