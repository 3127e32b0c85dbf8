import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

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
