import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/** How another program ended. */
export interface Outcome {
  /** Exit code; null when a signal or the time limit ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a program is given. */
export interface ExecOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds after which it is ended. @default - none */
  readonly timeoutMs?: number;
  /** Sees what it prints while it runs. @default - nobody */
  readonly watch?: (chunk: string) => void;
  /** Run through the shell, as a command line of the user's. @default false */
  readonly shell?: boolean;
}

/** Full path of a program in `PATH`; undefined when there is none. */
export function which(name: string, env: Readonly<Record<string, string | undefined>>): string | undefined {
  const extensions = process.platform === 'win32' ? ['.exe', '.cmd', '.bat'] : [''];
  for (const folder of (env['PATH'] ?? '').split(path.delimiter).filter((entry) => entry !== '')) {
    for (const extension of extensions) {
      const file = path.join(folder, name + extension);
      if (isExecutable(file)) return file;
    }
  }
  return undefined;
}

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

/** Runs a program to its end and collects what it prints. Never rejects: a program that cannot start has code 127. */
export function execute(command: string, args: readonly string[], options: ExecOptions): Promise<Outcome> {
  return new Promise((resolve) => {
    const { cwd, env, timeoutMs, watch, shell } = options;
    const child = spawn(command, args, { cwd, env, shell: shell ?? false, stdio: ['ignore', 'pipe', 'pipe'] });
    const texts = { stdout: '', stderr: '' };
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (chunk: string) => {
        texts[stream] += chunk;
        watch?.(chunk);
      });
    }
    child.once('error', (error) => {
      clearTimeout(timer);
      resolve({ code: 127, stdout: texts.stdout, stderr: error.message });
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, ...texts });
    });
  });
}
