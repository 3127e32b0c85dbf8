import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { API_KEYS_FILE } from '../../contract';
import { newKey } from '../api-key';
import { foreignCommand } from '../errors';
import { freePort } from './free-port';
import { LocalPod } from './local-pod';
import { findProgram, LOCAL_PROGRAMS } from './local-programs';
import type { Manifest } from './manifests';
import { localEnvironment } from './replacements';
import type { Replacement } from './replacements';
import { localServices } from './services';
import type { PlacedWorkload, Service } from './services';
import type { Volume, Workload } from './workload';

/** What a session is given. */
export interface SessionOptions {
  /** Every object of the output. */
  readonly objects: readonly Manifest[];
  /** Those of them that are run. */
  readonly workloads: readonly Workload[];
  /** Folder whose packages hold the programs. */
  readonly projectFolder: string;
  /** URI of the local model store. @default - the one of the manifests */
  readonly models?: string;
  /** Keep container ports where they are free. @default true */
  readonly keepPorts?: boolean;
  /** Environment of whoever runs the command. */
  readonly caller: Readonly<Record<string, string | undefined>>;
  /** Node.js executable. */
  readonly node: string;
  /** What a program prints. */
  readonly onLine: (pod: string, line: string) => void;
  /** What happens to a pod. */
  readonly onEvent: (pod: string, message: string) => void;
}

/** A pod of a session. */
export interface SessionPod {
  readonly name: string;
  readonly workload: Workload;
  /** URL of its first port. */
  readonly url: string;
  /** Local port of each container port. */
  readonly ports: ReadonlyMap<number, number>;
  readonly replacements: readonly Replacement[];
}

/** Loopback: a local run is nobody else's business. */
const HOST = '127.0.0.1';
/** What a container would get from its image, and a process gets from here. */
const PASSED_ON = ['PATH', 'HOME', 'LANG', 'TZ'] as const;
const KEY_ID = 'local';
const PORT_RANGE_END = 65_535;

/** Deployments as local processes, with their own folders, ports and API key. */
export class Session {
  /** Prepares everything; nothing runs yet. Call {@link close} in any case. */
  static async prepare(options: SessionOptions): Promise<Session> {
    const session = new Session(options, fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-dev-')));
    try {
      await session.place();
      return session;
    } catch (error) {
      session.removeFiles();
      throw error;
    }
  }

  /** API key that the local servers accept; undefined where none of them asks for one. */
  apiKey: string | undefined;
  private readonly prepared: { readonly pod: SessionPod; readonly start: () => LocalPod }[] = [];
  private running: LocalPod[] = [];
  private keyFile: string | undefined;

  private constructor(
    private readonly options: SessionOptions,
    private readonly folder: string,
  ) {}

  /** The pods, in the order of the manifests. */
  get pods(): readonly SessionPod[] {
    return this.prepared.map(({ pod }) => pod);
  }

  /** Process ids of the programs that run. */
  get pids(): readonly number[] {
    return this.running.flatMap(({ pid }) => pid ?? []);
  }

  /** Starts every pod. */
  start(): void {
    this.running = this.prepared.map(({ start }) => start());
  }

  /** Resolves when every pod is ready. @throws LNMT6022 when the first start of one fails */
  async ready(): Promise<void> {
    await Promise.all(this.running.map((pod) => pod.ready));
  }

  /** Resolves when no pod will ever be started again. */
  async ended(): Promise<void> {
    await Promise.all(this.running.map((pod) => pod.life));
  }

  /** Ends every pod as its manifest says and removes all files. */
  async close(): Promise<void> {
    await Promise.all(this.running.map((pod) => pod.stop()));
    this.removeFiles();
  }

  /** Cuts the grace periods of {@link close} short. */
  hurry(): void {
    this.running.forEach((pod) => pod.hurry());
  }

  private removeFiles(): void {
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  private async place(): Promise<void> {
    const placed: PlacedWorkload[] = [];
    const taken = new Set<number>();
    for (const workload of this.options.workloads) {
      placed.push({ workload, ports: await this.choosePorts(workload, taken) });
    }
    const services = localServices(this.options.objects, placed);
    for (const one of placed) this.preparePod(one, services);
  }

  private async choosePorts(workload: Workload, taken: Set<number>): Promise<ReadonlyMap<number, number>> {
    const ports = new Map<number, number>();
    for (const containerPort of workload.ports.values()) {
      const wish = (this.options.keepPorts ?? true) && !taken.has(containerPort) ? containerPort : 0;
      let port = await freePort(HOST, wish);
      while (taken.has(port)) port = await freePort(HOST, port < PORT_RANGE_END ? port + 1 : 0);
      taken.add(port);
      ports.set(containerPort, port);
    }
    return ports;
  }

  private preparePod({ workload, ports }: PlacedWorkload, services: readonly Service[]): void {
    const { projectFolder, models, caller, node, onLine, onEvent } = this.options;
    const name = `${workload.namespace}/${workload.name}`;
    const program = LOCAL_PROGRAMS[workload.image];
    const isImageCommand = program.command.every((word, index) => workload.command[index] === word);
    if (!isImageCommand) throw foreignCommand(name, workload.command, program.command);
    const { command, args } = findProgram(workload.image, projectFolder, node);
    const home = path.join(this.folder, `${workload.namespace}-${workload.name}`);
    const folders = this.makeFolders(workload, home);
    const around = { host: HOST, ports, folders, services, caller, ...(models === undefined ? {} : { models }) };
    const { env, replacements } = localEnvironment(workload, program, around);
    const passedOn = PASSED_ON.flatMap((key) => (caller[key] === undefined ? [] : [[key, caller[key]] as const]));
    const process = {
      command,
      args: [...args, ...workload.command.slice(program.command.length)],
      env: { ...Object.fromEntries(passedOn), ...env },
      cwd: home,
      onLine: (line: string) => onLine(name, line),
    };
    const [firstPort] = ports.values();
    const pod = { name, workload, url: `http://${HOST}:${firstPort}`, ports, replacements };
    const spec = { workload, process, host: HOST, ports, onEvent: (message: string) => onEvent(name, message) };
    this.prepared.push({ pod, start: () => new LocalPod(spec) });
  }

  private makeFolders(workload: Workload, home: string): ReadonlyMap<string, string> {
    const folders = new Map<string, string>();
    fs.mkdirSync(home, { recursive: true });
    for (const [mount, volume] of workload.mounts) {
      const folder = path.join(home, mount);
      fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
      for (const [file, content] of Object.entries(this.filesOf(volume))) {
        fs.writeFileSync(path.join(folder, path.basename(file)), content, { mode: 0o600 });
      }
      folders.set(mount, folder);
    }
    return folders;
  }

  private filesOf(volume: Volume): Readonly<Record<string, string>> {
    if (volume.kind === 'config') return volume.files;
    if (volume.kind !== 'secret' || !volume.files.includes(API_KEYS_FILE)) return {};
    return { [API_KEYS_FILE]: this.keys() };
  }

  /** The key file of every local server: one key, made for this session. */
  private keys(): string {
    if (this.keyFile !== undefined) return this.keyFile;
    const { key, entry } = newKey(KEY_ID, ['infer', 'read']);
    this.apiKey = key;
    this.keyFile = JSON.stringify({ keys: [entry] });
    return this.keyFile;
  }
}
