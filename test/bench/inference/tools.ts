import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Where models and virtual environments are kept between runs: outside the repository. */
export const CACHE = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache'), 'lnmt-bench');

const TICKS_PER_SECOND = 100;

/** True when a program can be started. */
export function hasProgram(name: string): boolean {
  return (process.env['PATH'] ?? '').split(path.delimiter).some((dir) => fs.existsSync(path.join(dir, name)));
}

/** Packages of a virtual environment in which a peer runs. */
export interface Environment {
  readonly name: string;
  readonly packages: readonly string[];
}

/** Python of a virtual environment, made on first use; undefined when the packages cannot be installed. */
export function pythonOf({ name, packages }: Environment): string | undefined {
  const folder = path.join(CACHE, name);
  const python = path.join(folder, 'bin/python');
  const marker = path.join(folder, 'complete');
  if (fs.existsSync(marker)) return python;
  if (!hasProgram('python3')) return undefined;
  try {
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'ignore' });
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', ...packages], { stdio: 'ignore', timeout: 600_000 });
    fs.writeFileSync(marker, '');
    return python;
  } catch {
    return undefined;
  }
}

/** A port that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** A process and everything that it started, in a process group of its own. */
export class Group {
  private text = '';
  private readonly child: ChildProcess;
  private readonly gone: Promise<void>;

  constructor(command: string, args: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }) {
    this.child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.text = (this.text + chunk.toString()).slice(-4000)));
    }
    this.gone = new Promise((resolve) => {
      this.child.once('exit', () => resolve());
      this.child.once('error', () => resolve());
    });
  }

  /** The end of what it wrote. */
  get output(): string {
    return this.text;
  }

  /** Waits until it answers this URL with this method, or says why it does not. */
  async answers(url: string, patienceMs: number): Promise<boolean> {
    for (const end = Date.now() + patienceMs; Date.now() < end; await delay(200)) {
      if (this.child.exitCode !== null || this.child.pid === undefined) return false;
      const answer = await fetch(url).catch(() => undefined);
      await answer?.arrayBuffer();
      if (answer !== undefined && answer.status !== 503) return true;
    }
    return false;
  }

  /** Its own id and those of all its descendants. */
  ids(): number[] {
    const ids: number[] = [];
    const visit = (id: number): void => {
      ids.push(id);
      try {
        for (const task of fs.readdirSync(`/proc/${id}/task`)) {
          const children = fs.readFileSync(`/proc/${id}/task/${task}/children`, 'utf8').trim();
          if (children !== '') children.split(' ').map(Number).forEach(visit);
        }
      } catch {
        // It ended meanwhile.
      }
    };
    if (this.child.pid !== undefined) visit(this.child.pid);
    return ids;
  }

  /** Processor seconds that it and its descendants used. */
  cpuSeconds(): number {
    const fieldsOf = (id: number): string[] => {
      try {
        return fs
          .readFileSync(`/proc/${id}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ');
      } catch {
        return [];
      }
    };
    // Fields 14 and 15 of the whole line: user and system time.
    return this.ids().reduce((sum, id) => {
      const fields = fieldsOf(id);
      return sum + (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND;
    }, 0);
  }

  /** Sum of the largest resident sizes, in MB. */
  peakMegabytes(): number {
    return this.ids().reduce((sum, id) => {
      try {
        const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${id}/status`, 'utf8'))?.[1];
        return sum + Number(kilobytes ?? 0) / 1024;
      } catch {
        return sum;
      }
    }, 0);
  }

  /** Ends it with everything that it started. */
  async end(): Promise<void> {
    const ids = this.ids();
    this.child.kill('SIGTERM');
    await Promise.race([this.gone, delay(5_000)]);
    for (const id of ids) {
      try {
        process.kill(id, 'SIGKILL');
      } catch {
        // It ended already.
      }
    }
    await this.gone;
  }
}
