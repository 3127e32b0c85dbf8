import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Resident bytes of a process; 0 when it is gone. */
export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}

/** Open file descriptors of a process. */
export function openFiles(pid: number): number {
  try {
    return fs.readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

/** Established connections that a process has accepted on a port; those that still wait for it have no inode. */
export function acceptedOn(pid: number, port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = [read(`/proc/${pid}/net/tcp`), read(`/proc/${pid}/net/tcp6`)].flatMap((text) => text.split('\n'));
  return rows.filter((row) => {
    const [, address = '', , state, , , , , , inode] = row.trim().split(/\s+/);
    return address.endsWith(local) && state === '01' && inode !== '0';
  }).length;
}

/** Seconds of processor time that a process has used. */
export function cpuSeconds(pid: number): number {
  const fields = read(`/proc/${pid}/stat`).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100;
}

/** Ids of the children of a process. */
export function childrenOf(pid: number): number[] {
  const threads = fs.existsSync(`/proc/${pid}/task`) ? fs.readdirSync(`/proc/${pid}/task`) : [];
  return threads.flatMap((thread) =>
    read(`/proc/${pid}/task/${thread}/children`).trim().split(' ').filter(Boolean).map(Number),
  );
}

/** True while a process runs; a zombie does not. */
export function isRunning(pid: number): boolean {
  const text = read(`/proc/${pid}/status`);
  return text !== '' && !/^State:\s+Z/m.test(text);
}

/** Watches a figure of a process while something goes on, and keeps the largest. */
export class Peak {
  most: number;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly look: () => number,
    everyMs = 20,
  ) {
    this.most = look();
    this.timer = setInterval(() => this.take(), everyMs);
  }

  /** Ends watching and gives the largest. */
  end(): number {
    clearInterval(this.timer);
    this.take();
    return this.most;
  }

  private take(): void {
    this.most = Math.max(this.most, this.look());
  }
}

/** Waits until a condition holds. False when it did not in time. */
export async function until(condition: () => boolean | Promise<boolean>, patienceMs: number): Promise<boolean> {
  for (const end = performance.now() + patienceMs; performance.now() < end; await delay(5)) {
    if (await condition()) return true;
  }
  return condition();
}
