import fs from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';

/** Bounds of a {@link RotatingFile}. */
export interface RotationLimits {
  /** Bytes of one file. */
  readonly bytes: number;
  /** Files in all, the one that is written included. */
  readonly files: number;
}

/** A file that is moved aside when it is full: `log`, then `log.1`, `log.2` and so on, the oldest dropped. */
export class RotatingFile {
  private handle: FileHandle | undefined;
  private size = 0;

  constructor(
    private readonly file: string,
    private readonly limits: RotationLimits,
  ) {}

  /** Appends whole lines; after an error the file is opened anew at the next call. */
  async append(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    try {
      let handle = this.handle ?? (await this.open());
      if (this.size > 0 && this.size + bytes.length > this.limits.bytes) handle = await this.rotate();
      await this.write(handle, bytes);
    } catch (error) {
      await this.close().catch(() => undefined);
      throw error;
    }
  }

  /** Brings everything down to the disk and closes the file. */
  async close(): Promise<void> {
    const { handle } = this;
    this.handle = undefined;
    if (handle === undefined) return;
    try {
      await handle.datasync();
    } catch (error) {
      // Pipes and devices have nothing to sync.
      if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
    } finally {
      await handle.close();
    }
  }

  private async write(handle: FileHandle, bytes: Buffer): Promise<void> {
    const start = this.size;
    for (let offset = 0; offset < bytes.length;) {
      try {
        offset += (await handle.write(bytes, offset)).bytesWritten;
      } catch (error) {
        // A full disk takes a part of a line: what is left of it must not stand before the next one.
        await handle.truncate(start).catch(() => undefined);
        throw error;
      }
    }
    this.size += bytes.length;
  }

  private async open(): Promise<FileHandle> {
    await fs.mkdir(path.dirname(this.file), { recursive: true, mode: 0o700 });
    const handle = await fs.open(this.file, 'a+', 0o600);
    this.handle = handle;
    this.size = (await handle.stat()).size;
    if (await endsAmidLine(handle, this.size)) await this.write(handle, Buffer.from('\n'));
    return handle;
  }

  private async rotate(): Promise<FileHandle> {
    await this.close();
    const aside = (index: number): string => `${this.file}.${index}`;
    for (let index = this.limits.files - 1; index > 0; index--) {
      await fs.rename(index === 1 ? this.file : aside(index - 1), aside(index)).catch(ignoreAbsent);
    }
    if (this.limits.files === 1) await fs.rm(this.file, { force: true });
    return this.open();
  }
}

/** True where the process died while it wrote a line. */
async function endsAmidLine(handle: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return false;
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
  return bytesRead === 1 && buffer[0] !== '\n'.charCodeAt(0);
}

function ignoreAbsent(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
