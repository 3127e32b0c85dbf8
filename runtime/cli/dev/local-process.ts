import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { endedWithParent } from '../../shared/programs';

/** What is started. */
export interface ProcessSpec {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Receives what the program prints, line by line. */
  readonly onLine: (line: string) => void;
}

/** How long a program may take to end, in seconds. */
export interface GraceTimes {
  /** Before the signal. */
  readonly preStopSeconds: number;
  /** From the beginning until it is killed. */
  readonly graceSeconds: number;
}

/** How a program ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Once somebody is in a hurry, what a program gets before it is killed. */
const HURRY_MS = 2_000;
const SIGNAL_GAP_MS = 100;
/** Where programs of the system are, for an environment that does not say. */
const SYSTEM_PATH = '/usr/bin:/bin';

/** One running program, in a process group of its own: the terminal's Ctrl-C does not reach it, and its children end with it. */
export class LocalProcess {
  /** Resolves when the program has ended. */
  readonly exited: Promise<ProcessExit>;
  private readonly child: ChildProcess;
  private readonly hurried = new AbortController();
  private ended = false;

  constructor({ env, cwd, onLine, ...program }: ProcessSpec) {
    const { command, args } = endedWithParent(program, env['PATH'] ?? SYSTEM_PATH) ?? program;
    this.child = spawn(command, args, { env, cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', onLine);
    }
    // Whatever ends this process ends the program too; of SIGKILL only the kernel can tell it.
    const sweep = (): void => this.signalGroup('SIGKILL');
    process.once('exit', sweep);
    this.exited = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        if (this.ended) return;
        this.ended = true;
        sweep();
        process.off('exit', sweep);
        resolve({ code, signal });
      };
      this.child.once('exit', end);
      this.child.once('error', (error) => {
        onLine(error.message);
        end(null, null);
      });
    });
  }

  /** Process id; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Ends the program as the kubelet does: sleep, SIGTERM, and SIGKILL when the time is over. */
  async stop({ preStopSeconds, graceSeconds }: GraceTimes): Promise<ProcessExit> {
    const { signal } = this.hurried;
    const pause = (ms: number): Promise<unknown> =>
      Promise.race([this.exited, delay(ms, undefined, { signal, ref: false }).catch(() => undefined)]);
    await pause(preStopSeconds * 1000);
    this.signal('SIGTERM');
    await pause((graceSeconds - preStopSeconds) * 1000);
    if (!this.ended && signal.aborted) {
      // A server that drains takes a second signal as leave to stop waiting; sent at once, the two would be one.
      await Promise.race([this.exited, delay(SIGNAL_GAP_MS, undefined, { ref: false })]);
      this.signal('SIGTERM');
      await Promise.race([this.exited, delay(HURRY_MS, undefined, { ref: false })]);
    }
    if (!this.ended) this.signalGroup('SIGKILL');
    return this.exited;
  }

  /** Cuts the waiting of {@link stop} short. */
  hurry(): void {
    this.hurried.abort();
  }

  private signal(name: NodeJS.Signals): void {
    if (!this.ended) this.child.kill(name);
  }

  private signalGroup(name: NodeJS.Signals): void {
    if (this.child.pid === undefined) return;
    try {
      process.kill(-this.child.pid, name);
    } catch {
      // The group is gone.
    }
  }
}
