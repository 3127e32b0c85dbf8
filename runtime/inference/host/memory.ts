import fs from 'node:fs';
import path from 'node:path';
import { find, wrapped } from '../../shared/programs';
import type { HostCommand } from './process';

/** util-linux; it sets a limit and becomes the command that follows. */
const PRLIMIT = 'prlimit';

/** A range for code that is mapped as a whole is larger, and V8 has none beyond the other. */
const CODE_RANGE = { least: 2 ** 24, most: 2 ** 29 } as const;

/** How the memory of a host is held to its budget. */
export type MemoryEnforcement = 'none' | 'hard' | 'soft';

/**
 * Bytes that Node.js keeps for the code that its main thread makes, where all of them are writable from the start, as they
 * are from version 24 on: the kernel counts them as data, though hardly any are ever used.
 *
 * @param maps `/proc/<pid>/maps` of a process of that Node.js
 */
export function codeRangeIn(maps: string): number {
  const ranges = maps.matchAll(/^([\da-f]+)-([\da-f]+) rwxp /gm);
  const sizes = Array.from(ranges, ([, from = '', to = '']) => Number.parseInt(to, 16) - Number.parseInt(from, 16));
  const largest = Math.max(0, ...sizes);
  if (largest < CODE_RANGE.least) return 0;
  // Its ends may be mapped in another way, and ranges of two threads may lie side by side.
  return Math.min(2 ** Math.ceil(Math.log2(largest)), CODE_RANGE.most);
}

let codeRange: number | undefined;

/** The same of this Node.js, which is that of every process that a server starts. */
export function ownCodeRange(): number {
  if (codeRange !== undefined) return codeRange;
  try {
    codeRange = codeRangeIn(fs.readFileSync('/proc/self/maps', 'latin1'));
  } catch {
    codeRange = 0;
  }
  return codeRange;
}

/**
 * The command under a limit of its data segment, which the kernel enforces: an allocation beyond it fails inside the
 * host. What Node.js only keeps free comes on top. Where `prlimit` is absent the command is unchanged and the enforcement
 * soft: somebody has to watch.
 */
export function limitMemory(
  host: HostCommand,
  bytes: number,
  searchPath = host.env['PATH'] ?? '',
): { readonly host: HostCommand; readonly enforcement: MemoryEnforcement } {
  if (bytes === 0) return { host, enforcement: 'none' };
  const prlimit = find(PRLIMIT, searchPath);
  if (prlimit === undefined) return { host, enforcement: 'soft' };
  const most = bytes + ownCodeRange();
  return { host: wrapped(host, prlimit, [`--data=${most}:${most}`]), enforcement: 'hard' };
}

/** Bytes of a graph and of everything in its folder, which is that of one version: weights may lie in files of their own. */
export async function bytesBeside(file: string): Promise<number> {
  const options = { recursive: true, withFileTypes: true } as const;
  const entries = await fs.promises.readdir(path.dirname(file), options).catch(() => []);
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(({ parentPath, name }) => fs.promises.stat(path.join(parentPath, name))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}

/** Resident bytes of a process; undefined when it is gone or the system does not say. */
export async function residentBytes(pid: number): Promise<number | undefined> {
  const text = await fs.promises.readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

/** Looks at the memory of a process again and again. Returns what ends it. */
export function watchMemory(pid: number, everyMs: number, look: (bytes: number) => void): () => void {
  let over = false;
  const timer = setInterval(() => {
    void residentBytes(pid).then((bytes) => {
      if (bytes !== undefined && !over) look(bytes);
    });
  }, everyMs);
  timer.unref();
  return () => {
    over = true;
    clearInterval(timer);
  };
}
