import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { encodeFrame, FrameReader } from './frames';
import type { Frame } from './frames';

/** How a model host is started. */
export interface HostCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the host: it gets no credentials and no settings of the front. */
  readonly env: Readonly<Record<string, string>>;
}

/** What becomes of a host. */
export interface HostEvents {
  readonly onFrame: (frame: Frame) => void;
  /** Called once, however the host ended. */
  readonly onExit: (how: string) => void;
}

/** One running model host and the socket to it. */
export class HostProcess {
  private readonly child: ChildProcess;
  private readonly socket: Duplex;
  private readonly reader = new FrameReader();
  private readonly ended: Promise<void>;

  constructor({ command, args, env }: HostCommand, events: HostEvents) {
    // Node makes the fourth descriptor one end of a Unix socket pair: no path that others could connect to.
    this.child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
    this.socket = this.child.stdio[3] as Duplex;
    this.ended = new Promise((resolve) => {
      let done = false;
      const finish = (how: string): void => {
        if (done) return;
        done = true;
        this.socket.destroy();
        resolve();
        events.onExit(how);
      };
      this.child.once('exit', (code, signal) => finish(signal ?? `code ${code}`));
      this.child.once('error', (error) => finish(error.message));
    });
    // A host that is going away breaks the socket first; its exit tells the rest.
    this.socket.on('error', () => this.kill());
    this.socket.on('data', (chunk: Buffer) => this.receive(chunk, events));
  }

  /** Process id, while there is one. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Sends one message. */
  send(header: unknown, parts: readonly Uint8Array[]): void {
    this.socket.cork();
    for (const chunk of encodeFrame(header, parts)) this.socket.write(chunk);
    this.socket.uncork();
  }

  /** Ends the host now, whatever it is doing. */
  kill(): void {
    this.child.kill('SIGKILL');
  }

  /** Asks the host to end by closing its socket, and ends it when it does not. Resolves when it is gone. */
  async close(patienceMs: number): Promise<void> {
    this.socket.end();
    const timer = setTimeout(() => this.kill(), patienceMs);
    await this.ended;
    clearTimeout(timer);
  }

  private receive(chunk: Buffer, events: HostEvents): void {
    try {
      for (const frame of this.reader.push(chunk)) events.onFrame(frame);
    } catch {
      this.kill();
    }
  }
}
