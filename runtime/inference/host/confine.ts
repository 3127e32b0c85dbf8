import { endedWithParent } from '../../shared/programs';
import { limitMemory } from './memory';
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

const NO_NEW_RIGHTS = ['--no-new-privs'] as const;

/**
 * The command under a limit of its memory, and ended by the kernel with the server, even while it is stopped or its main
 * thread is busy. Both are done by programs that become the command: nothing stands between it and the server.
 */
export function confined(host: HostCommand, options: ConfineOptions): { host: HostCommand } & Confinement {
  const { memoryBytes, searchPath, noNewRights = false } = options;
  const { host: limited, enforcement: memory } = limitMemory(host, memoryBytes, searchPath);
  const bound = endedWithParent(limited, searchPath, noNewRights ? NO_NEW_RIGHTS : []);
  return bound === undefined ? { host: limited, memory, end: 'socket' } : { host: bound, memory, end: 'signal' };
}
