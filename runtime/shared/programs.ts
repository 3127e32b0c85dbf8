import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/** A program and its arguments. */
export interface Command {
  readonly command: string;
  readonly args: readonly string[];
}

/** The file of a program; undefined where no folder of a search path, as `PATH` has it, holds one. */
export function find(program: string, searchPath: string): string | undefined {
  return searchPath
    .split(path.delimiter)
    .filter((dir) => path.isAbsolute(dir))
    .map((dir) => path.join(dir, program))
    .find((file) => fs.existsSync(file));
}

/** A command that becomes another one. */
export function wrapped<T extends Command>(inner: T, program: string, args: readonly string[]): T {
  return { ...inner, command: program, args: [...args, inner.command, ...inner.args] };
}

/** util-linux; it asks the kernel for a signal at the end of the parent and becomes the command that follows. */
const SETPRIV = 'setpriv';
const WITH_PARENT = ['--pdeathsig', 'KILL'] as const;
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

/**
 * The command, ended by the kernel with the process that starts it, even while it is stopped or its main thread is busy.
 * Undefined where the system has no program that asks for that.
 *
 * @param more further options of that program
 */
export function endedWithParent<T extends Command>(
  inner: T,
  searchPath: string,
  more: readonly string[] = [],
): T | undefined {
  const setpriv = find(SETPRIV, searchPath);
  if (setpriv === undefined || !knowsSignal(setpriv)) return undefined;
  return wrapped(inner, setpriv, [...WITH_PARENT, ...more]);
}
