import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { API_KEYS_FILE, INFERENCE_ENV, INFERENCE_NODE_FLAGS, PATHS, toEnv } from '../../../runtime/contract';
import type { EnvSettings } from '../../../runtime/contract';
import { keyFile, temporaryFolder } from '../../runtime/support/temporary';
import type { KeyEntry } from '../../runtime/support/temporary';
import { compilePrograms } from '../../support/compile-programs';
import { childrenOf } from './proc';

/** Key that may do anything. */
export const KEY = 'fault-suite-key';
const PATIENCE_MS = 60_000;

/** Settings of a server. */
export type Settings = EnvSettings<typeof INFERENCE_ENV>;

/** How a server is started. */
export interface StartOptions {
  /** Keys beside {@link KEY}. Entries may carry limits. */
  readonly keys?: readonly (KeyEntry & { readonly limits?: Readonly<Record<string, number>> })[];
  /** A program with arguments that becomes the server, such as `prlimit --nofile=64`. */
  readonly under?: readonly string[];
  /** Folder of an earlier server, so that its cache is found again. */
  readonly dir?: string;
  /** Variables that are no settings. */
  readonly env?: Readonly<Record<string, string>>;
  /** True for a front that {@link Server.collect} can make collect its garbage. */
  readonly collects?: boolean;
}

/** Loaded by the front before anything else of it. */
const COLLECT_ON_SIGNAL = "process.on('SIGUSR2', () => globalThis.gc())";

const running = new Set<Server>();

/** Ends every server that is still there. */
export async function endAll(): Promise<void> {
  await Promise.all([...running].map((server) => server.dispose()));
}

/** URI of a folder. */
export const uriOf = (dir: string): string => pathToFileURL(dir).href;

/** A line of a log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A real, compiled server in a process of its own, on free ports of 127.0.0.1. */
export class Server {
  private text = '';
  private exited = false;
  private readonly exit: Promise<number | string>;

  private constructor(
    private readonly child: ChildProcess,
    readonly dir: string,
    private readonly ownsDir: boolean,
  ) {
    running.add(this);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.text += chunk.toString()));
    }
    this.exit = new Promise((resolve) =>
      child.once('exit', (code, signal) => {
        this.exited = true;
        resolve(signal ?? code ?? -1);
      }),
    );
  }

  /** Starts a server with these settings. Limits of callers and connections are off unless they say otherwise. */
  static start(settings: Settings, { keys = [], under = [], dir: given, env, collects }: StartOptions = {}): Server {
    const dir = given ?? temporaryFolder();
    const own = {
      modelCacheDir: path.join(dir, 'cache'),
      apiKeysDir: path.join(dir, 'keys'),
      ...{ httpPort: '0', metricsPort: '0', drainDelay: '0', logLevel: 'info' },
      ...{ callerConcurrency: '100000', connectionsPerAddress: '0' },
    };
    fs.mkdirSync(own.apiKeysDir, { recursive: true });
    const all = [{ id: 'suite', key: KEY, scopes: ['infer', 'read', 'manage'] }, ...keys];
    fs.writeFileSync(path.join(own.apiKeysDir, API_KEYS_FILE), keyFile(all));
    const main = path.join(compilePrograms(), 'runtime/inference/main.js');
    const gc = path.join(own.apiKeysDir, '../collect.cjs');
    if (collects) fs.writeFileSync(gc, COLLECT_ON_SIGNAL);
    const flags = collects ? ['--expose-gc', '--require', gc] : [];
    const [command = '', ...args] = [...under, process.execPath, ...INFERENCE_NODE_FLAGS, ...flags, main];
    const child = spawn(command, args, {
      env: { PATH: process.env['PATH'], HOME: dir, ...env, ...toEnv(INFERENCE_ENV, { ...own, ...settings }) },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    return new Server(child, dir, given === undefined);
  }

  /** Starts a server and waits until it is ready. */
  static async ready(settings: Settings, options: StartOptions = {}): Promise<Server> {
    const server = Server.start(settings, options);
    await server.ready();
    return server;
  }

  /** Process id of the front. */
  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** True until it has ended. */
  get alive(): boolean {
    return !this.exited;
  }

  /** Everything that it wrote. */
  get output(): string {
    return this.text;
  }

  /** Process ids of its model hosts now. */
  hosts(): number[] {
    return childrenOf(this.pid);
  }

  /** Log lines with this message. */
  lines(message: string): LogLine[] {
    const found = this.text.split('\n').filter((line) => line.includes(`"msg":"${message}"`));
    return found.map((line) => JSON.parse(line) as LogLine);
  }

  /** The n-th line with this message, once there is one. */
  async line(message: string, count = 1, patienceMs = PATIENCE_MS): Promise<LogLine> {
    return this.until(`line '${message}'`, () => this.lines(message)[count - 1], patienceMs);
  }

  /** Looks again and again until there is something; fails when the server ends first. */
  async until<T>(
    what: string,
    look: () => T | undefined | Promise<T | undefined>,
    patienceMs = PATIENCE_MS,
  ): Promise<T> {
    for (const end = Date.now() + patienceMs; Date.now() < end; await delay(10)) {
      const found = await look();
      if (found !== undefined) return found;
      if (this.exited) throw new Error(`the server ended before ${what}: ${this.tail()}`);
    }
    throw new Error(`${what}: not within ${patienceMs} ms: ${this.tail()}`);
  }

  /** Ports as it says them. */
  async ports(): Promise<{ readonly http: number; readonly metrics: number; readonly grpc: number }> {
    const { http, metrics, grpc } = await this.line('listening');
    return { http: Number(http), metrics: Number(metrics), grpc: Number(grpc) };
  }

  /** Waits for readiness as a probe does. */
  async ready(patienceMs = PATIENCE_MS): Promise<void> {
    const { http } = await this.ports();
    const ask = async (): Promise<true | undefined> =>
      (await fetch(`http://127.0.0.1:${http}${PATHS.ready}`).catch(() => undefined))?.ok ? true : undefined;
    await this.until('readiness', ask, patienceMs);
  }

  /** Sends a signal to the front alone. */
  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Makes a front that {@link StartOptions.collects} collect its garbage; done before it answers its next request. */
  collect(): void {
    this.signal('SIGUSR2');
  }

  /** Exit code, or the signal that ended it. */
  ended(): Promise<number | string> {
    return this.exit;
  }

  /** Ends it in any case, and removes its folder. */
  async dispose(): Promise<void> {
    running.delete(this);
    this.child.kill('SIGCONT');
    this.child.kill('SIGKILL');
    await this.exit;
    if (this.ownsDir) fs.rmSync(this.dir, { recursive: true, force: true });
  }

  private tail(): string {
    return this.text.trimEnd().split('\n').slice(-4).join(' / ').slice(0, 1_000);
  }
}
