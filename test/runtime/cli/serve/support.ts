import { execFile } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { scratch, startCommand } from '../support';

const execute = promisify(execFile);
const PATIENCE_MS = 60_000;

/** What `--json` prints. */
export interface Announcement {
  readonly url: string;
  readonly openapi: string;
  readonly metrics: string;
  readonly grpc?: string;
  readonly auth: string;
  readonly ready: boolean;
  readonly models: readonly { readonly name: string; readonly versions: readonly string[]; readonly curl?: string }[];
}

const running = new Set<ChildProcess>();

/** Ends every command that is still running. */
export function endAll(): void {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
}

/** The real command as a process. */
export class Serving {
  /** Folder that was given to it for temporary files. */
  readonly temporary = scratch();
  out = '';
  err = '';
  readonly code: Promise<number | null>;
  private readonly child: ChildProcess;

  constructor(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.child = startCommand(['serve', ...argv], { cwd: scratch(), env: { TMPDIR: this.temporary, ...env } });
    running.add(this.child);
    this.child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (this.out += chunk));
    this.child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (this.err += chunk));
    this.code = new Promise((resolve) =>
      this.child.once('close', (code) => {
        running.delete(this.child);
        resolve(code);
      }),
    );
  }

  /** Waits until it has printed something. */
  async until(holds: () => boolean, what: string): Promise<void> {
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end && running.has(this.child);) {
      if (holds()) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    if (!holds()) throw new Error(`it did not happen that ${what}:\n${this.out}\n${this.err}`);
  }

  /** The line of `--json`. */
  async announced(): Promise<Announcement> {
    await this.until(() => this.out.includes('\n'), 'it is ready');
    return JSON.parse(this.out) as Announcement;
  }

  /** Presses Ctrl-C. */
  interrupt(): void {
    this.child.kill('SIGINT');
  }

  /** Ends it so that it cannot do anything any more. */
  kill(): void {
    this.child.kill('SIGKILL');
  }

  /** Closes what it writes to. */
  lookAway(): void {
    this.child.stdout?.destroy();
    this.child.stderr?.destroy();
  }

  /** What it has left behind. */
  leftovers(): readonly string[] {
    return fs.readdirSync(this.temporary).filter((name) => name.startsWith('lnmt-'));
  }

  /** Digests of the verified copies that its server holds. */
  verified(): readonly string[] {
    return this.leftovers()
      .flatMap((name) => fs.readdirSync(path.join(this.temporary, name, 'cache')))
      .filter((name) => /^[0-9a-f]{64}$/.test(name));
  }

  /** Environment of its server. */
  environment(): Readonly<Record<string, string>> {
    const [pid = 0] = this.serverPids();
    const rows = fs.readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return Object.fromEntries(rows.map((row) => [row.slice(0, row.indexOf('=')), row.slice(row.indexOf('=') + 1)]));
  }

  /** Process ids of its servers, by the folder that they were given. */
  serverPids(): readonly number[] {
    return fs.readdirSync('/proc').flatMap((name) => {
      if (!/^\d+$/.test(name)) return [];
      try {
        const command = fs.readFileSync(`/proc/${name}/cmdline`, 'utf8');
        const env = fs.readFileSync(`/proc/${name}/environ`, 'utf8');
        const ours = /inference\/main\.(ts|js)/.test(command) && env.includes(path.join(this.temporary, 'lnmt-serve-'));
        return ours ? [Number(name)] : [];
      } catch {
        return [];
      }
    });
  }
}

/** Runs a line in a real shell, as a person would who copied it, and gives the status that curl saw. */
export async function statusOf(curl: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const line = `${curl} -o /dev/null -w '%{http_code}'`;
  const { stdout } = await execute('sh', ['-c', line], { env: { ...process.env, ...env } });
  return stdout;
}
