import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Io } from '../../../runtime/cli/io';
import { run } from '../../../runtime/cli/program';
import { compilePrograms } from '../../support/compile-programs';

/** Folder of the repository. */
export const ROOT = path.resolve(__dirname, '../../..');

/** What a run of the command left behind. */
export interface CliResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A new folder that is removed after the run. */
export const scratch = (): string => fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-cli-test-'));

/** Runs a verb in this process. */
export async function cli(argv: readonly string[], options: Partial<Io> = {}): Promise<CliResult> {
  let out = '';
  let err = '';
  const code = await run(argv, {
    cwd: options.cwd ?? ROOT,
    env: options.env ?? { PATH: '' },
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    terminal: options.terminal ?? false,
    node: process.execPath,
    onInterrupt: options.onInterrupt ?? (() => () => undefined),
  });
  return { code, out, err };
}

/** Starts the real command, compiled as it is delivered. */
export function startCommand(
  argv: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): ChildProcess {
  const main = path.join(compilePrograms(), 'runtime/cli/main.js');
  return spawn(process.execPath, [main, ...argv], {
    cwd: options.cwd ?? ROOT,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Runs the real command to its end. */
export function command(...args: Parameters<typeof startCommand>): Promise<CliResult> {
  const child = startCommand(...args);
  return new Promise((resolve, reject) => {
    let out = '';
    let err = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (out += chunk));
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (err += chunk));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
  });
}

/** Puts programs into a folder of their own, for `PATH`; each is a shell script. */
export function fakePrograms(scripts: Readonly<Record<string, string>>): string {
  const folder = scratch();
  for (const [name, script] of Object.entries(scripts)) {
    fs.writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  return folder;
}

/** True while a process of that id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits until something holds, for at most ten seconds. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end;) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`in ten seconds it did not happen that ${what}`);
}
