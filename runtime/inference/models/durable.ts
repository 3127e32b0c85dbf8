import { randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';

/** Makes the names in a folder last: a rename is lost in a power cut before this. */
export async function syncFolder(dir: string): Promise<void> {
  const handle = await fs.open(dir, 'r');
  await handle.sync().finally(() => handle.close());
}

/** Makes the names in a folder and in those below it last. */
export async function syncTree(dir: string): Promise<void> {
  for (const entry of await fs.readdir(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) await syncTree(path.join(dir, entry.name));
  }
  await syncFolder(dir);
}

/** Writes a small file so that after a crash there is the old content or the new one. */
export async function writeDurably(file: string, content: string): Promise<void> {
  const dir = path.dirname(file);
  const staging = path.join(dir, `.${randomUUID()}`);
  try {
    const handle = await fs.open(staging, 'wx', 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await fs.rename(staging, file);
    await syncFolder(dir);
  } catch (error) {
    await fs.rm(staging, { force: true });
    throw error;
  }
}
