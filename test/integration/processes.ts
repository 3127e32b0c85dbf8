import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** How a program is run. */
export interface RunOptions {
  readonly cwd?: string;
  /** Variables beside those of this process; `undefined` removes one. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: string;
  /** @default 120_000 ms; then the program and its children are killed */
  readonly timeoutMs?: number;
}

/** What a program left behind. */
export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both streams in the order in which they came. */
  readonly output: string;
}

const running = new Set<ChildProcess>();

/** Runs a program to its end; a non-zero exit is a result, not an error. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = launch(program, args, options, 'pipe');
    const parts = { stdout: '', stderr: '', output: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name]?.setEncoding('utf8').on('data', (text: string) => {
        parts[name] += text;
        parts.output += text;
      });
    const timer = setTimeout(() => {
      parts.output += `\n${program}: killed after ${(options.timeoutMs ?? 120_000) / 1000} s`;
      killGroup(child, 'SIGKILL');
    }, options.timeoutMs ?? 120_000);
    // A program may leave early without reading what it was given: its exit status tells more than EPIPE.
    child.stdin?.on('error', () => undefined).end(options.input ?? '');
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? -1, ...parts });
    });
  });
}

/** Runs a program that must succeed; its output is in the error when it does not. */
export async function runOk(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(program, args, options);
  if (result.code !== 0)
    throw new Error(
      `${path.basename(program)} ${args.join(' ').slice(0, 200)}: exit ${result.code}\n${tail(result.output)}`,
    );
  return result.stdout;
}

/** A program that runs until it is stopped. */
export class Daemon {
  readonly pid: number;
  exitCode: number | undefined;
  private readonly ended: Promise<void>;

  constructor(
    readonly name: string,
    private readonly child: ChildProcess,
    readonly log: string,
  ) {
    this.pid = child.pid ?? -1;
    this.ended = new Promise((resolve) => {
      child.once('error', () => resolve());
      child.once('exit', (code) => {
        this.exitCode = code ?? -1;
        resolve();
      });
    });
  }

  /** The last lines that it wrote. */
  logTail(): string {
    return fs.existsSync(this.log) ? tail(fs.readFileSync(this.log, 'utf8')) : '';
  }

  /** Asks it to leave, waits, and kills it when it does not. */
  async stop(graceMs = 10_000, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.exitCode !== undefined) return;
    killGroup(this.child, signal);
    await Promise.race([this.ended, sleep(graceMs, undefined, { ref: false })]);
    if (this.exitCode === undefined) killGroup(this.child, 'SIGKILL');
    await Promise.race([this.ended, sleep(5_000, undefined, { ref: false })]);
  }
}

/** Starts a program whose output goes to a file. */
export function start(
  name: string,
  program: string,
  args: readonly string[],
  log: string,
  options: RunOptions = {},
): Daemon {
  const file = fs.openSync(log, 'a');
  const daemon = new Daemon(name, launch(program, args, options, file), log);
  fs.closeSync(file);
  return daemon;
}

/** Kills whatever is still running; for the moment before this process leaves. */
export function killAll(): void {
  for (const child of running) killGroup(child, 'SIGKILL');
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Asks again and again until the answer is neither false nor undefined; an error counts as "not yet" and is told at the end. */
export async function waitFor<T>(
  what: string,
  timeoutMs: number,
  ask: () => Promise<T | false | undefined>,
  everyMs = 250,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown = 'no answer';
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== false && answer !== undefined) return answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) {
      const reason = last instanceof Error ? last.message : String(last);
      throw new Error(`${what}: not within ${timeoutMs / 1000} s (${reason})`);
    }
    await sleep(everyMs);
  }
}

/** The path of a program on the PATH, or undefined. */
export function findProgram(name: string): string | undefined {
  try {
    return execFileSync('sh', ['-c', 'command -v -- "$1"', 'sh', name], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

/** The last lines of a text. */
export function tail(text: string, lines = 30): string {
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}

function launch(program: string, args: readonly string[], options: RunOptions, out: 'pipe' | number): ChildProcess {
  // A group of its own, so that what it starts can be ended with it.
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: [out === 'pipe' ? 'pipe' : 'ignore', out, out],
    detached: true,
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.once('error', () => running.delete(child));
  return child;
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
