import fs from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../../models/durable';

/** What the outbox does with its folder. */
export interface Disk {
  /** Names of files. */
  list(): Promise<readonly string[]>;
  read(name: string): Promise<Buffer>;
  /** A new file that lasts with its content, or none. */
  create(name: string, content: Buffer): Promise<void>;
  /** Writes at a place, where the file ends then; it lasts when this is over. */
  append(name: string, place: number, content: Buffer): Promise<void>;
  /** The file is gone for good when this is over. */
  remove(name: string): Promise<void>;
}

/** A folder of this machine. */
export class FolderDisk implements Disk {
  constructor(private readonly dir: string) {}

  async list(): Promise<readonly string[]> {
    await fs.mkdir(this.dir, { recursive: true, mode: 0o700 });
    await fs.access(this.dir, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
    return fs.readdir(this.dir);
  }

  read(name: string): Promise<Buffer> {
    return fs.readFile(path.join(this.dir, name));
  }

  async create(name: string, content: Buffer): Promise<void> {
    const file = path.join(this.dir, name);
    const handle = await fs.open(file, 'wx', 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } catch (error) {
      await fs.rm(file, { force: true }).catch(() => undefined);
      throw error;
    } finally {
      await handle.close();
    }
    await syncFolder(this.dir);
  }

  async append(name: string, place: number, content: Buffer): Promise<void> {
    const handle = await fs.open(path.join(this.dir, name), 'r+');
    try {
      // What an earlier try left behind must not be taken for records.
      await handle.truncate(place);
      for (let done = 0; done < content.byteLength;) {
        const { bytesWritten } = await handle.write(content, done, content.byteLength - done, place + done);
        done += bytesWritten;
      }
      await handle.sync();
    } catch (error) {
      await handle.truncate(place).catch(() => undefined);
      throw error;
    } finally {
      await handle.close();
    }
  }

  async remove(name: string): Promise<void> {
    await fs.rm(path.join(this.dir, name), { force: true });
    await syncFolder(this.dir);
  }
}
