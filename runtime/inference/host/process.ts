import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { encodeFrame, FRAME_LIMITS, FrameReader } from './frames';
import type { Frame, FrameLimits, WrittenHeader } from './frames';
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

/** One running model host, the control socket to its main thread, and a socket to each of its workers. */
export class HostProcess {
  private readonly child: ChildProcess;
  private readonly control: Duplex;
  private readonly lanes: readonly Duplex[];
  private readonly ended: Promise<void>;

  constructor({ command, args, env, silent, limits }: HostCommand, lanes: number, events: HostEvents) {
    // Node makes each further descriptor one end of a Unix socket pair: no path that others could connect to.
    const pipes = Array.from({ length: lanes + 1 }, () => 'pipe' as const);
    this.child = spawn(command, args, { env, stdio: ['ignore', 'ignore', silent ? 'ignore' : 'inherit', ...pipes] });
    const [control, ...sockets] = this.child.stdio.slice(3) as Duplex[];
    if (control === undefined) throw new Error('a host without a control socket; this is a bug');
    this.control = control;
    this.lanes = sockets;
    this.ended = new Promise((resolve) => {
      let done = false;
      const finish = (how: string): void => {
        if (done) return;
        done = true;
        for (const socket of [control, ...sockets]) socket.destroy();
        resolve();
        events.onExit(how);
      };
      this.child.once('exit', (code, signal) => finish(signal ?? `code ${code}`));
      this.child.once('error', (error) => finish(error.message));
    });
    // A host that is going away breaks its sockets first; its exit tells the rest.
    for (const socket of [control, ...sockets]) socket.on('error', () => this.kill());
    for (const socket of sockets) this.listen(socket, events, limits);
  }

  /** Process id, while there is one. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Starts the worker of a lane. */
  startLane(lane: number): void {
    const request: ControlRequest = { type: 'start', lane };
    send(this.control, NO_ANSWER, request, []);
  }

  /** Sends one message to the worker of a lane. */
  send(lane: number, id: number, header: object | WrittenHeader, parts: readonly Uint8Array[]): void {
    const socket = this.lanes[lane];
    if (socket === undefined) throw new Error(`no lane ${lane}; this is a bug`);
    send(socket, id, header, parts);
  }

  /** Ends the host now, whatever it is doing. */
  kill(): void {
    this.child.kill('SIGKILL');
  }

  /** Asks the host to end by closing its control socket, and ends it when it does not. Resolves when it is gone. */
  async close(patienceMs: number): Promise<void> {
    this.control.end();
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
