import { spawnSync } from 'node:child_process';
import { find, wrapped } from '../../../shared/programs';
import { confined } from '../../host/confine';
import type { Confinement } from '../../host/confine';
import type { HostCommand } from '../../host/process';

/** What keeps a process of steps in its place, as far as the system has it. */
export interface Isolation extends Confinement {
  /** `namespace`: it has no network. `open`: the system has no namespaces for this user. `granted`: it may. */
  readonly network: 'namespace' | 'open' | 'granted';
}

/** How far a process is kept in. */
export interface IsolationOptions {
  /** Most bytes of its data; 0 is no limit. */
  readonly memoryBytes: number;
  /** True where it may use the network. */
  readonly network: boolean;
  /** Folders of programs, as `PATH` has them. */
  readonly searchPath: string;
}

const TRY_MS = 2_000;
const OFFLINE = ['--user', '--net'] as const;

/** Whether a process without any network can be had: containers often forbid it. */
function mayLeaveNetwork(unshare: string): boolean {
  return spawnSync(unshare, [...OFFLINE, process.execPath, '--version'], { timeout: TRY_MS, env: {} }).status === 0;
}

/**
 * The command under a limit of its memory, without network, and ended by the kernel with the server. All three are
 * done by programs of util-linux; what is absent is told.
 */
export function isolated(host: HostCommand, options: IsolationOptions): { host: HostCommand; isolation: Isolation } {
  const { memoryBytes, network, searchPath } = options;
  const { host: mortal, memory, end } = confined(host, { memoryBytes, searchPath, noNewRights: true });
  const unshare = network ? undefined : find('unshare', searchPath);
  // Outermost, because a new namespace clears the signal that is asked for above.
  const offline = unshare !== undefined && mayLeaveNetwork(unshare) ? wrapped(mortal, unshare, OFFLINE) : undefined;
  return {
    host: offline ?? mortal,
    isolation: { memory, network: network ? 'granted' : offline ? 'namespace' : 'open', end },
  };
}
