import { randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from '../../shared/file-state';

/** Between two signs of life of who holds a file. */
const BEAT_MS = 10_000;
/** Without a sign for so long, who cannot be looked up is taken for ended. */
export const SILENT_MS = 60_000;

/** A process, so that another one can find out whether it lives; what the system does not say is absent. */
interface ProcessIdentity {
  /** Start of the kernel that it runs on. */
  readonly boot?: string;
  /** Its space of process numbers: containers have one each. */
  readonly space?: string;
  readonly pid: number;
  /** Since when it runs, on the clock of the kernel: numbers are given again, this with them never. */
  readonly started?: string;
}

const orNothing = <T>(work: Promise<T>): Promise<T | undefined> => work.catch(() => undefined);

/** Column of /proc/PID/stat after the name, which may hold anything, that says since when a process runs. */
const STARTED = 19;

async function startOf(pid: number | 'self'): Promise<string | undefined> {
  const stat = await orNothing(fs.readFile(`/proc/${pid}/stat`, 'utf8'));
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[STARTED];
}

/** The kernel that this process runs on, since it started; undefined where the system does not say. */
export async function bootOf(): Promise<string | undefined> {
  return (await orNothing(fs.readFile('/proc/sys/kernel/random/boot_id', 'utf8')))?.trim();
}

/** This process, once the system has said all of it: it never changes. */
let own: ProcessIdentity | undefined;

async function ownIdentity(): Promise<ProcessIdentity> {
  if (own !== undefined) return own;
  const [boot, space] = [await bootOf(), await orNothing(fs.readlink('/proc/self/ns/pid'))];
  const started = await startOf('self');
  const identity = {
    ...{ pid: process.pid },
    ...(boot === undefined ? {} : { boot }),
    ...(space === undefined ? {} : { space }),
    ...(started === undefined ? {} : { started }),
  };
  if (boot !== undefined && space !== undefined && started !== undefined) own = identity;
  return identity;
}

/** True when the system of this process knows the other one. */
function isNeighbour({ boot, space, started }: ProcessIdentity, other: ProcessIdentity): boolean {
  const known = boot !== undefined && space !== undefined && started !== undefined && other.started !== undefined;
  return known && boot === other.boot && space === other.space;
}

/** Says of what lies beside it that a process works on it, as long as that lives. */
export class Ownership {
  private constructor(
    private readonly file: string,
    private readonly timer: NodeJS.Timeout,
  ) {}

  /** Begins to hold a file, which must not exist. It is open for no longer than a sign takes: a volume can become read-only. */
  static async over(file: string): Promise<Ownership> {
    const text = JSON.stringify(await ownIdentity());
    try {
      await fs.writeFile(file, text, { flag: 'wx', mode: 0o600 });
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') await fs.rm(file, { force: true });
      throw error;
    }
    // The file system gives the time, as several machines may share it, and their clocks differ.
    const beat = async (): Promise<void> => fs.writeFile(file, text, { flag: 'r+' });
    const timer = setInterval(() => void beat().catch(() => undefined), BEAT_MS);
    timer.unref();
    return new Ownership(file, timer);
  }

  /** Ends it. */
  async release(): Promise<void> {
    clearInterval(this.timer);
    await fs.rm(this.file, { force: true });
  }
}

/**
 * True while whoever holds a file lives: of a process of the same machine and container the system says so, of others
 * the last sign of life does.
 *
 * @param now of the file system, in milliseconds
 */
export async function isOwned(file: string, now: number): Promise<boolean> {
  const stats = await orNothing(fs.stat(file));
  if (stats === undefined) return false;
  const other = await orNothing(fs.readFile(file, 'utf8').then((text) => JSON.parse(text) as ProcessIdentity));
  if (other !== undefined && isNeighbour(await ownIdentity(), other)) {
    return (await startOf(other.pid)) === other.started;
  }
  return now - stats.mtimeMs < SILENT_MS;
}

/** What time it is for the file system that a folder lies on, in milliseconds. */
export async function timeOf(dir: string): Promise<number> {
  const probe = path.join(dir, `.${randomUUID()}`);
  try {
    await fs.writeFile(probe, '', { mode: 0o600 });
    return (await fs.stat(probe)).mtimeMs;
  } finally {
    await fs.rm(probe, { force: true });
  }
}
