import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { Skip } from './case';
import type { Bench } from './case';

/** Mounts a file system in memory of this size, which is taken away afterwards. @throws Skip without the right to mount */
export function mountMemory(bench: Bench, dir: string, bytes: number): void {
  fs.mkdirSync(dir, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0755`, 'tmpfs', dir], { stdio: 'pipe' });
  } catch {
    throw new Skip('a file system of limited size needs the right to mount (root)');
  }
  // Lazily, because a process that is about to end may still have a file open.
  bench.after(() => void execFileSync('umount', ['-l', dir], { stdio: 'pipe' }));
}

/** Makes a mounted file system read-only, or writable again. */
export function remount(dir: string, mode: 'ro' | 'rw'): void {
  execFileSync('mount', ['-o', `remount,${mode}`, dir], { stdio: 'pipe' });
}
