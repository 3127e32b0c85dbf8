import { spawnSync } from 'node:child_process';
import { find, limitMemory } from './memory';
import type { MemoryEnforcement } from './memory';
import type { HostCommand } from './process';

/** What a process that the server starts is held to. */
export interface ConfineOptions {
  /** Most bytes of its data; 0 is no limit. */
  readonly memoryBytes: number;
  /** Folders of programs, as `PATH` has them. */
  readonly searchPath: string;
  /**
   * Whether it and what it starts may never get more rights than the server. The CUDA driver starts a program that
   * does.
   * @default false
   */
  readonly noNewRights?: boolean;
}

/** How far a process is held, as far as the system has programs for it. */
export interface Confinement {
  readonly memory: MemoryEnforcement;
  /** `signal`: the kernel ends it with the server. `socket`: it ends when it sees its socket close. */
  readonly end: 'signal' | 'socket';
}

/** util-linux; it asks the kernel for a signal at the end of the parent and becomes the command that follows. */
const SETPRIV = 'setpriv';
const WITH_PARENT = ['--pdeathsig', 'KILL'] as const;
const NO_NEW_RIGHTS = ['--no-new-privs'] as const;
const TRY_MS = 2_000;

/** Programs by whether they know the signal: those of util-linux before 2.33 and of BusyBox do not. */
const tried = new Map<string, boolean>();

function knowsSignal(setpriv: string): boolean {
  const known = tried.get(setpriv);
  if (known !== undefined) return known;
  const args = [...WITH_PARENT, setpriv, '--version'];
  const { error, status } = spawnSync(setpriv, args, { env: {}, stdio: 'ignore', timeout: TRY_MS });
  // A system that refuses a process now says nothing of the program.
  if (error === undefined) tried.set(setpriv, status === 0);
  return status === 0;
}

/** A command that becomes another one. */
export function wrapped(host: HostCommand, program: string, args: readonly string[]): HostCommand {
  return { ...host, command: program, args: [...args, host.command, ...host.args] };
}

/**
 * The command under a limit of its memory, and ended by the kernel with the server, even while it is stopped or its main
 * thread is busy. Both are done by programs that become the command: nothing stands between it and the server.
 */
export function confined(host: HostCommand, options: ConfineOptions): { host: HostCommand } & Confinement {
  const { memoryBytes, searchPath, noNewRights = false } = options;
  const { host: limited, enforcement: memory } = limitMemory(host, memoryBytes, searchPath);
  const setpriv = find(SETPRIV, searchPath);
  if (setpriv === undefined || !knowsSignal(setpriv)) return { host: limited, memory, end: 'socket' };
  const args = [...WITH_PARENT, ...(noNewRights ? NO_NEW_RIGHTS : [])];
  return { host: wrapped(limited, setpriv, args), memory, end: 'signal' };
}
