import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { API_KEYS_FILE, INFERENCE_ENV, INFERENCE_NODE_FLAGS, PATHS, toEnv } from '../../../runtime/contract';
import type { EnvSettings } from '../../../runtime/contract';
import { compilePrograms } from '../../support/compile-programs';
import { keyFile, temporaryFolder } from './temporary';

const ROOT = path.resolve(__dirname, '../../..');
const PATIENCE_MS = 60_000;

/** Key of the servers that tests start. */
export const KEY = 'process-test-key';

/** A line of the log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A real server in a process of its own. */
export class ServerProcess {
  private text = '';
  private readonly exit: Promise<number | string>;

  private constructor(
    private readonly child: ChildProcess,
    readonly dir: string,
  ) {
    child.stdout?.on('data', (chunk: Buffer) => (this.text += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (this.text += chunk.toString()));
    this.exit = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code ?? -1)));
  }

  /**
   * Starts a server with these settings; ports, keys and folders are its own.
   *
   * @param variables of its environment that are no settings of it, as those that clients of clouds read
   */
  static start(
    settings: EnvSettings<typeof INFERENCE_ENV>,
    variables: Readonly<Record<string, string>> = {},
  ): ServerProcess {
    const dir = temporaryFolder();
    const own = {
      modelCacheDir: path.join(dir, 'cache'),
      apiKeysDir: path.join(dir, 'keys'),
      httpPort: '0',
      metricsPort: '0',
      drainDelay: '0',
      logLevel: 'debug',
    };
    fs.mkdirSync(own.apiKeysDir);
    const entry = { id: 'test', key: KEY, scopes: ['infer', 'read', 'manage'] };
    fs.writeFileSync(path.join(own.apiKeysDir, API_KEYS_FILE), keyFile([entry]));
    const env = {
      ...variables,
      PATH: process.env['PATH'],
      HOME: dir,
      ...toEnv(INFERENCE_ENV, { ...own, ...settings }),
    };
    // Compiled, as it is deployed: from sources it and its model hosts would start a second later, in each of many tests.
    const child = spawn(
      process.execPath,
      [...INFERENCE_NODE_FLAGS, path.join(compilePrograms(), 'runtime/inference/main.js')],
      {
        cwd: ROOT,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      },
    );
    return new ServerProcess(child, dir);
  }

  /** Its process id. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Everything that it wrote. */
  get output(): string {
    return this.text;
  }

  /** The first log line with this message, once there is one. */
  async line(message: string, count = 1): Promise<LogLine> {
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await delay(10)) {
      const lines = this.text.split('\n').filter((text) => text.includes(`"msg":"${message}"`));
      const found = lines[count - 1];
      if (found !== undefined) return JSON.parse(found) as LogLine;
    }
    throw new Error(`no line '${message}' in:\n${this.text}`);
  }

  /** Base URL of the HTTP listener. */
  async url(): Promise<string> {
    return `http://127.0.0.1:${String((await this.line('listening'))['http'])}`;
  }

  /** Base URL of the metrics listener. */
  async metricsUrl(): Promise<string> {
    return `http://127.0.0.1:${String((await this.line('listening'))['metrics'])}`;
  }

  /** Waits for readiness as a probe does. */
  async ready(): Promise<void> {
    const url = await this.url();
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await delay(20)) {
      const answer = await fetch(url + PATHS.ready).catch((error: unknown) => {
        throw new Error(`it does not answer:\n${this.text}`, { cause: error });
      });
      if (answer.ok) return;
    }
    throw new Error(`not ready:\n${this.text}`);
  }

  /** Process id of the latest model host. */
  async hostPid(count = 1): Promise<number> {
    return Number((await this.line('model host ready', count))['pid']);
  }

  /** Sends a signal. */
  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Sends a signal to it and its host, as a terminal does. */
  interruptGroup(): void {
    if (this.child.pid !== undefined) process.kill(-this.child.pid, 'SIGINT');
  }

  /** Exit code, or the signal that ended it. */
  ended(): Promise<number | string> {
    return this.exit;
  }

  /** Ends it in any case and removes its folders. */
  async dispose(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exit;
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

/** True while there is a process with this id. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie answers signals; what counts is whether it still runs.
    return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
