import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { encodeFrame, FRAME_LIMITS, FrameReader } from './frames';
import type { Frame, FrameLimits, WrittenHeader } from './frames';
import { HOST_FDS } from './protocol';
import type { ControlRequest } from './protocol';

/** How a model host is started. */
export interface HostCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the host: it gets no credentials and no settings of the front. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * True for one that is not trusted to write into the log.
   * @default false
   */
  readonly silent?: boolean;
  /**
   * Bounds of what it may send.
   * @default - those of the protocol
   */
  readonly limits?: FrameLimits;
}

/** Id of a message that nobody answers. */
const NO_ANSWER = 0;

/** What becomes of a host. */
export interface HostEvents {
  readonly onFrame: (frame: Frame) => void;
  /** Called once, however the host ended. */
  readonly onExit: (how: string) => void;
}

function send(socket: Duplex, id: number, header: object | WrittenHeader, parts: readonly Uint8Array[]): void {
  const chunks = encodeFrame(id, header, parts);
  if (chunks.length > 1) socket.cork();
  for (const chunk of chunks) socket.write(chunk);
  if (chunks.length > 1) socket.uncork();
}

/** Starts a program with so many sockets. Some failures are thrown by Node, others come as an event. */
function begin({ command, args, env, silent }: HostCommand, sockets: number): ChildProcess | Error {
  // Node makes each further descriptor one end of a Unix socket pair: no path that others could connect to.
  const pipes = Array.from({ length: sockets }, () => 'pipe' as const);
  try {
    return spawn(command, args, { env, stdio: ['ignore', 'ignore', silent ? 'ignore' : 'inherit', ...pipes] });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** The sockets of a child; none where it has none, as descriptors are short. */
const socketsOf = (child: ChildProcess | undefined): readonly Duplex[] =>
  ((child?.stdio as readonly unknown[] | undefined)?.slice(HOST_FDS.control) ?? []) as readonly Duplex[];

/**
 * One running model host, the control socket to its main thread, and a socket to each of its workers. One that cannot
 * be started ends as any other does, a moment later; until then what is sent to it is lost.
 */
export class HostProcess {
  /** Why it could not be started. */
  failure: Error | undefined;
  private readonly child: ChildProcess | undefined;
  private readonly control: Duplex | undefined;
  /** A socket to each. */
  private readonly workers: readonly Duplex[];
  private readonly ended: Promise<void>;

  constructor(command: HostCommand, workers: number, events: HostEvents) {
    const child = begin(command, workers + 1);
    this.child = child instanceof Error ? undefined : child;
    const sockets = socketsOf(this.child);
    [this.control, ...this.workers] = sockets;
    this.ended = new Promise((resolve) => {
      let done = false;
      const finish = (how: string): void => {
        if (done) return;
        done = true;
        for (const socket of sockets) socket.destroy();
        resolve();
        events.onExit(how);
      };
      const fail = (error: Error): void => {
        this.failure ??= error;
        finish(error.message);
      };
      if (child instanceof Error) return void setImmediate(fail, child);
      child.once('exit', (code, signal) => finish(signal ?? `code ${code}`));
      child.once('error', fail);
    });
    // A host that is going away breaks its sockets first; its exit tells the rest.
    for (const socket of sockets) socket.on('error', () => this.kill());
    for (const socket of this.workers) this.listen(socket, events, command.limits);
  }

  /** Process id, while there is one. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Starts a worker. */
  startWorker(worker: number): void {
    const request: ControlRequest = { type: 'start', worker };
    if (this.control !== undefined) send(this.control, NO_ANSWER, request, []);
  }

  /** Sends one message to a worker. */
  send(worker: number, id: number, header: object | WrittenHeader, parts: readonly Uint8Array[]): void {
    if (this.control === undefined) return;
    const socket = this.workers[worker];
    if (socket === undefined) throw new Error(`no worker ${worker}; this is a bug`);
    send(socket, id, header, parts);
  }

  /** Ends the host now, whatever it is doing. */
  kill(): void {
    this.child?.kill('SIGKILL');
  }

  /** Asks the host to end by closing its control socket, and ends it when it does not. Resolves when it is gone. */
  async close(patienceMs: number): Promise<void> {
    this.control?.end();
    const timer = setTimeout(() => this.kill(), patienceMs);
    await this.ended;
    clearTimeout(timer);
  }

  private listen(socket: Duplex, events: HostEvents, limits: FrameLimits = FRAME_LIMITS): void {
    const reader = new FrameReader(limits, true);
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) events.onFrame(frame);
      } catch {
        this.kill();
      }
    });
  }
}
