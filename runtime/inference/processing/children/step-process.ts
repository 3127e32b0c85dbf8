import type { Frame } from '../../host/frames';
import { watchMemory } from '../../host/memory';
import { HostProcess } from '../../host/process';
import { stepTimedOut, stepUnavailable } from '../errors';
import type { WorkersOptions } from './workers';

/** One step to take. */
export interface Work {
  readonly id: number;
  readonly label: string;
  readonly header: object;
  readonly parts: readonly Uint8Array[];
  readonly resolve: (answer: Frame) => void;
  readonly reject: (error: Error) => void;
  /** Ends its waiting. */
  timer: NodeJS.Timeout | undefined;
}

interface Running {
  readonly work: Work;
  readonly timer: NodeJS.Timeout;
}

const BACKOFF_MS = { first: 50, most: 10_000 } as const;
const START_MS = 30_000;
const CLOSE_MS = 2_000;
const LOOK_MS = 500;
const HELLO = 0;

/**
 * One process that takes steps, and is replaced when it dies, is late or says what it should not: at once after an
 * answer, with growing pauses while it gives none. It has one step at a time, so its death fails no other.
 */
export class StepProcess {
  private host: HostProcess | undefined;
  private ready = false;
  private running: Running | undefined;
  private closed = false;
  private pause: number = BACKOFF_MS.first;
  private respawn: NodeJS.Timeout | undefined;
  private starting: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
  private startTimer: NodeJS.Timeout | undefined;
  private stopWatching: () => void = () => undefined;

  constructor(
    private readonly options: WorkersOptions,
    private readonly onIdle: () => void,
  ) {}

  /** True while it would take a step now. */
  get idle(): boolean {
    return this.ready && this.running === undefined;
  }

  /** Process id, while there is one. */
  get pid(): number | undefined {
    return this.host?.pid;
  }

  /** Starts it for the first time. @throws Error that says why it cannot be started */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.starting = { resolve, reject };
      this.spawn();
    });
  }

  /** Takes a step; only while it is idle. */
  take(work: Work): void {
    const { timeout, log, name } = this.options;
    const { host } = this;
    const timer = setTimeout(() => {
      log.error(
        { process: name, pid: host?.pid, step: work.label, timeout },
        'step deadline passed, ending its process',
      );
      work.reject(stepTimedOut(work.label, timeout));
      host?.kill();
    }, timeout * 1000);
    this.running = { work, timer };
    host?.send(0, work.id, work.header, work.parts);
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.closed = true;
    this.ready = false;
    clearTimeout(this.respawn);
    clearTimeout(this.startTimer);
    this.stopWatching();
    await this.host?.close(CLOSE_MS);
  }

  private spawn(): void {
    const { host: command, hello, memoryBytes, log, name } = this.options;
    const host: HostProcess = new HostProcess(command, 1, {
      onFrame: (frame) => this.receive(host, frame),
      onExit: (how) => this.lost(host, how),
    });
    this.host = host;
    this.startTimer = setTimeout(() => host.kill(), START_MS);
    if (host.pid === undefined) return;
    host.send(0, HELLO, hello, []);
    this.stopWatching = watchMemory(host.pid, LOOK_MS, (bytes) => {
      if (memoryBytes === 0 || bytes <= memoryBytes) return;
      log.error({ process: name, pid: host.pid, bytes, memoryBytes }, 'memory limit passed, ending a process of steps');
      host.kill();
    });
  }

  private receive(host: HostProcess, frame: Frame): void {
    if (host !== this.host) return;
    const { id } = frame;
    const { type, message } = frame.header as { type?: unknown; message?: unknown };
    if (!this.ready) return this.greeted(host, type === 'ready' && id === HELLO, message);
    const { running } = this;
    if (running?.work.id !== id || running === undefined) {
      this.options.log.error({ process: this.options.name, pid: host.pid }, 'an answer that nobody asked for');
      this.ready = false;
      return host.kill();
    }
    clearTimeout(running.timer);
    this.running = undefined;
    this.pause = BACKOFF_MS.first;
    running.work.resolve(frame);
    this.onIdle();
  }

  private greeted(host: HostProcess, isReady: boolean, message: unknown): void {
    clearTimeout(this.startTimer);
    if (!isReady) {
      const why = typeof message === 'string' ? message : 'it does not say that it is ready';
      this.options.log.error({ process: this.options.name, why }, 'a process of steps cannot start');
      this.starting?.reject(new Error(why));
      this.starting = undefined;
      return host.kill();
    }
    this.ready = true;
    this.starting?.resolve();
    this.starting = undefined;
    this.onIdle();
  }

  private lost(host: HostProcess, how: string): void {
    if (host !== this.host) return;
    this.ready = false;
    clearTimeout(this.startTimer);
    this.stopWatching();
    const { running } = this;
    this.running = undefined;
    clearTimeout(running?.timer);
    running?.work.reject(stepUnavailable(running.work.label, 'its process ended'));
    this.starting?.reject(new Error(`its process ended (${how})`));
    const failed = this.starting !== undefined;
    this.starting = undefined;
    if (this.closed || failed) return;
    this.options.log.error({ process: this.options.name, how, pauseMs: this.pause }, 'a process of steps ended');
    this.options.restarted();
    this.respawn = setTimeout(() => this.spawn(), this.pause);
    this.pause = Math.min(this.pause * 2, BACKOFF_MS.most);
  }
}
