import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { badInvocation } from './errors';

/** What keeps a file from being at a place, as far as can be seen before it is written. */
function obstacle(file: string): string | undefined {
  const stats = fs.existsSync(file) ? fs.statSync(file) : undefined;
  if (stats?.isDirectory()) return 'it is a folder';
  // A device or a pipe would not be written to but replaced.
  if (stats?.isFile() === false) return 'it is no regular file';
  let folder = path.dirname(file);
  while (!fs.existsSync(folder)) folder = path.dirname(folder);
  if (!fs.statSync(folder).isDirectory()) return `${folder} is no folder`;
  try {
    fs.accessSync(folder, fs.constants.W_OK);
    return undefined;
  } catch {
    return `${folder} cannot be written`;
  }
}

/**
 * The whole path of a file that an option names and the verb will write, so that a slip is found before the work.
 *
 * @throws LNMT6001 where no file can be
 */
export function placeOf(cwd: string, option: string, file: string): string {
  const place = path.resolve(cwd, file);
  const reason = obstacle(place);
  if (reason === undefined) return place;
  throw badInvocation(`${option} names no place for a file: ${reason}`, file, 'name another one');
}

/** Writes a file so that readers, and a crash, find the old content or the new one. */
export function writeDurably(file: string, content: string | Uint8Array, mode = 0o644): void {
  const folder = path.dirname(file);
  fs.mkdirSync(folder, { recursive: true });
  const staging = path.join(folder, `.${path.basename(file)}.${randomUUID()}`);
  try {
    const handle = fs.openSync(staging, 'wx', mode);
    try {
      fs.writeFileSync(handle, content);
      fs.fsyncSync(handle);
    } finally {
      fs.closeSync(handle);
    }
    fs.renameSync(staging, file);
    syncFolder(folder);
  } catch (error) {
    fs.rmSync(staging, { force: true });
    throw error;
  }
}

/** Makes the entries of a folder durable. */
export function syncFolder(folder: string): void {
  const handle = fs.openSync(folder, 'r');
  try {
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
}
