import { randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
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
