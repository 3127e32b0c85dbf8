import fs from 'node:fs';
import fsp from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { FastifyBaseLogger } from 'fastify';
import { asEntry, ChainCheck, GENESIS } from './audit-chain';
import type { AuditHead } from './audit-chain';
import { lastLine, wholeLines } from './audit-lines';
import { StartError } from './errors';

/** Where the audit log is written, and when a file of it is full. */
export interface AuditFileOptions {
  readonly file: string;
  /** Bytes at which the file is moved aside. @default 67108864 */
  readonly fileBytes?: number | undefined;
  /** Files that are kept, the one that is written included; 0 keeps all. @default 0 */
  readonly files?: number | undefined;
  /** Told of files that are moved aside and given up. @default - nobody */
  readonly log?: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'> | undefined;
}

const FILE_BYTES = 64 * 2 ** 20;
/** Digits of the largest number of an entry. */
const DIGITS = 16;
const NUMBER = new RegExp(`^\\d{${DIGITS}}$`);

/** Name of a file that was moved aside: the number of its last entry, so that names sort as entries do. */
const asideOf = (file: string, last: number): string => `${file}.${String(last).padStart(DIGITS, '0')}`;

const lastOf = (aside: string): number => Number(aside.slice(-DIGITS));

/** The files that were moved aside, the oldest first. */
function filesAside(file: string): readonly string[] {
  const own = `${path.basename(file)}.`;
  const names = fs.readdirSync(path.dirname(file)).filter((name) => name.startsWith(own));
  const aside = names.filter((name) => NUMBER.test(name.slice(own.length))).sort();
  return aside.map((name) => path.join(path.dirname(file), name));
}

/** The last entry of a file that was moved aside. @throws StartError LNMT8105 */
function endOf(aside: string): AuditHead {
  const last = lastOf(aside);
  const line = lastLine(aside);
  const check = new ChainCheck({ seq: last - 1, hash: asEntry(line ?? '')?.prev ?? '' });
  if (line !== undefined && check.fault(line) === undefined) return check.head;
  throw new StartError('LNMT8105', `${path.basename(aside)} does not end with entry ${last}`);
}

/** What the first line of a file has to follow; undefined where that is in a file which is not here. */
function startOf(file: string, line: string): AuditHead | undefined {
  const { seq = 0, prev } = asEntry(line) ?? {};
  if (!Number.isSafeInteger(seq) || seq <= 1 || typeof prev !== 'string') return GENESIS;
  const before = asideOf(file, seq - 1);
  return fs.existsSync(before) ? endOf(before) : undefined;
}

interface Followed {
  readonly head: AuditHead;
  /** Bytes of whole entries. */
  readonly size: number;
}

/** Follows the chain through the file, from the end of the file before it on. */
function follow(fd: number, { file, log }: AuditFileOptions): Followed {
  let size = 0;
  let check: ChainCheck | undefined;
  for (const bytes of wholeLines(fd)) {
    const line = bytes.toString('utf8');
    if (check === undefined) {
      const start = startOf(file, line);
      const { seq = 0, prev = '' } = asEntry(line) ?? {};
      if (start === undefined) log?.warn({ entry: seq - 1 }, 'the audit log goes on from a file that is not here');
      check = new ChainCheck(start ?? { seq: seq - 1, hash: prev });
    }
    const fault = check.fault(line);
    if (fault !== undefined) throw new StartError('LNMT8105', `line ${check.line} ${fault}`);
    size += bytes.length + 1;
  }
  if (check !== undefined) return { head: check.head, size };
  const last = filesAside(file).at(-1);
  return { head: last === undefined ? GENESIS : endOf(last), size };
}

/** The file could be put neither aside nor back: what is written to it would stand under a wrong name. */
class FileLost extends Error {}

async function exists(file: string): Promise<boolean> {
  return fsp.access(file).then(
    () => true,
    () => false,
  );
}

function ignoreAbsent(error: unknown): false {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  return false;
}

/** Moves a file aside, and opens a new one in its place. */
async function replace(file: string, aside: string): Promise<number> {
  // Records are never written over, whatever brought a file of that name here.
  if (await exists(aside)) throw new Error(`${path.basename(aside)} is there already`);
  // What somebody else has moved away is no longer there to be moved.
  const moved = await fsp.rename(file, aside).then(() => true, ignoreAbsent);
  try {
    return await promisify(fs.open)(file, 'a+', 0o600);
  } catch (error) {
    if (moved) {
      await fsp.rename(aside, file).catch((cause: unknown) => {
        throw new FileLost('the audit log can be moved neither aside nor back', { cause });
      });
    }
    throw error;
  }
}

/** Brings the names of a folder down to the disk, where its file system knows that. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await fsp.open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

async function write(fd: number, bytes: Buffer): Promise<void> {
  for (let offset = 0; offset < bytes.length;) {
    offset += await new Promise<number>((resolve, reject) => {
      fs.write(fd, bytes, offset, (error, written) => (error ? reject(error) : resolve(written)));
    });
  }
  await new Promise<void>((resolve, reject) => {
    // Pipes and devices have nothing to sync.
    fs.fdatasync(fd, (error) => (error && error.code !== 'EINVAL' ? reject(error) : resolve()));
  });
}

/**
 * The file of an audit log. Full, it is moved aside under the number of its last entry and stays there: records are given up
 * only where `files` says so. The chain runs on from file to file.
 */
export class AuditFile {
  /** Where the chain that was found ends. */
  readonly head: AuditHead;
  private readonly fileBytes: number;
  /** Size at which the file is moved aside. Pipes and devices stay where they are. */
  private limit: number;

  /**
   * Opens the file, and checks the chain in it and its link to the file before.
   *
   * @throws StartError LNMT8105 for a file that cannot be written or holds no chain
   */
  static open(options: AuditFileOptions): AuditFile {
    let fd: number | undefined;
    try {
      fd = fs.openSync(options.file, 'a+', 0o600);
      const stat = fs.fstatSync(fd);
      if (!stat.isFile()) return new AuditFile(options, fd, { head: GENESIS, size: 0 }, false);
      const followed = follow(fd, options);
      // A last line without its end was being written when the process died: it never counted.
      if (followed.size < stat.size) fs.ftruncateSync(fd, followed.size);
      return new AuditFile(options, fd, followed, true);
    } catch (error) {
      if (fd !== undefined) fs.closeSync(fd);
      if (error instanceof StartError) throw error;
      throw new StartError('LNMT8105', error instanceof Error ? error.message : 'the file cannot be opened', error);
    }
  }

  private size: number;

  private constructor(
    private readonly options: AuditFileOptions,
    private fd: number,
    { head, size }: Followed,
    rotates: boolean,
  ) {
    this.fileBytes = rotates ? (options.fileBytes ?? FILE_BYTES) : Number.POSITIVE_INFINITY;
    this.limit = this.fileBytes;
    this.head = head;
    this.size = size;
  }

  /** Appends whole entries, down to the disk. @param last number of the entry before them */
  async append(text: string, last: number): Promise<void> {
    const bytes = Buffer.from(text);
    if (this.size > 0 && this.size + bytes.length > this.limit) await this.rotate(last);
    await write(this.fd, bytes);
    this.size += bytes.length;
  }

  /** Closes the file. */
  close(): void {
    fs.closeSync(this.fd);
  }

  private async rotate(last: number): Promise<void> {
    const { file, log } = this.options;
    const full = this.fd;
    try {
      this.fd = await replace(file, asideOf(file, last));
    } catch (error) {
      if (error instanceof FileLost) throw error;
      // It is tried again when as much more was written: a folder that stays closed would fail every entry.
      this.limit = this.size + this.fileBytes;
      return log?.error({ err: error }, 'audit log not moved aside, it goes on in the same file');
    }
    [this.size, this.limit] = [0, this.fileBytes];
    await promisify(fs.close)(full);
    await syncFolder(path.dirname(file));
    log?.info({ entry: last }, 'audit log moved aside');
    await this.giveUp().catch((error: unknown) => log?.error({ err: error }, 'old audit log not given up'));
  }

  private async giveUp(): Promise<void> {
    const { file, files = 0, log } = this.options;
    if (files === 0) return;
    const aside = filesAside(file);
    for (const old of aside.slice(0, Math.max(0, aside.length - files + 1))) {
      await fsp.rm(old);
      log?.info({ entry: lastOf(old) }, 'audit records up to this entry given up');
    }
  }
}
