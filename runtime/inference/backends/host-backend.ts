import type { FastifyBaseLogger } from 'fastify';
import { notReady } from '../../shared/errors';
import { ModelError, modelProcessLost, modelRefused, runTimedOut } from '../errors';
import type { Frame } from '../host/frames';
import { HostProcess } from '../host/process';
import type { HostCommand } from '../host/process';
import { joinTensors, tensorHeads } from '../host/protocol';
import type { HostReply, HostRequest } from '../host/protocol';
import type { Tensor } from '../tensors/tensor';
import type { Backend, ModelSignature } from './backend';
import type { OnnxOptions } from './onnx';

/** How a model is run in a process of its own. */
export interface HostBackendOptions {
  readonly host: HostCommand;
  readonly onnx: OnnxOptions;
  /** Seconds after which a run is ended together with its host. */
  readonly runTimeout: number;
  readonly log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>;
}

interface Answer {
  readonly reply: HostReply;
  readonly payload: Uint8Array;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

const BACKOFF_MS = { first: 50, most: 10_000 } as const;
const CLOSE_PATIENCE_MS = 3_000;

/**
 * A model in a child process. The process is started again whenever it ends: at once after a run that it survived
 * before, with growing pauses while it keeps ending. Its death fails only what it was working on.
 */
export class HostBackend implements Backend {
  private host: HostProcess | undefined;
  private file: string | undefined;
  private ready = false;
  private closed = false;
  private nextId = 1;
  private pause: number = BACKOFF_MS.first;
  private respawn: NodeJS.Timeout | undefined;
  private readonly waiting = new Map<number, Waiting>();

  constructor(private readonly options: HostBackendOptions) {}

  /** Process id of the host, while there is one. */
  get pid(): number | undefined {
    return this.host?.pid;
  }

  async load(file: string): Promise<ModelSignature> {
    this.file = file;
    try {
      return await this.start(file);
    } catch (error) {
      const host = this.host;
      this.host = undefined;
      await host?.close(CLOSE_PATIENCE_MS);
      if (error instanceof ModelError) throw error;
      throw new ModelError('LNMT8306', 'its process ended while loading', false, error);
    }
  }

  async run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<readonly Tensor[]> {
    const host = this.host;
    if (host === undefined || !this.ready) throw notReady('replacing its model process');
    const { runTimeout, log } = this.options;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      log.error({ pid: host.pid, runTimeout }, 'run deadline passed, ending the model host');
      host.kill();
    }, runTimeout * 1000);
    try {
      const request = { type: 'run', id: this.nextId++, inputs: tensorHeads(inputs), outputs } as const;
      const { reply, payload } = await this.ask(
        host,
        request,
        inputs.map(({ data }) => data),
      );
      this.pause = BACKOFF_MS.first;
      if (reply.type === 'failed') throw modelRefused(new Error(reply.message));
      if (reply.type !== 'result') throw new Error(`host answered a run with '${reply.type}'; this is a bug`);
      return joinTensors(reply.outputs, payload);
    } catch (error) {
      throw late ? runTimedOut(runTimeout) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  healthy(): boolean {
    return this.ready;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.ready = false;
    clearTimeout(this.respawn);
    await this.host?.close(CLOSE_PATIENCE_MS);
  }

  private async start(file: string): Promise<ModelSignature> {
    const host = new HostProcess(this.options.host, {
      onFrame: (frame) => this.receive(frame),
      onExit: (how) => this.lost(host, how),
    });
    this.host = host;
    const request = { type: 'load', id: this.nextId++, file, options: this.options.onnx } as const;
    const { reply } = await this.ask(host, request, []);
    if (reply.type === 'failed') throw new ModelError('LNMT8306', reply.message);
    if (reply.type !== 'loaded') throw new Error(`host answered a load with '${reply.type}'; this is a bug`);
    this.ready = true;
    this.options.log.info({ pid: host.pid }, 'model host ready');
    return reply.signature;
  }

  private ask(host: HostProcess, request: HostRequest, parts: readonly Uint8Array[]): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.waiting.set(request.id, { resolve, reject });
      host.send(request, parts);
    });
  }

  private receive({ header, payload }: Frame): void {
    const reply = header as HostReply;
    this.waiting.get(reply.id)?.resolve({ reply, payload });
    this.waiting.delete(reply.id);
  }

  private lost(host: HostProcess, how: string): void {
    const wasReady = this.ready && this.host === host;
    if (this.host === host) this.ready = false;
    for (const { reject } of this.waiting.values()) reject(modelProcessLost());
    this.waiting.clear();
    if (this.closed || this.host !== host || this.file === undefined) return;
    this.options.log.error({ pid: host.pid, how, pauseMs: this.pause }, 'model host ended');
    // A first load that fails is reported by `load`; only what once worked is started again.
    if (wasReady || this.respawn !== undefined) this.startAgain(this.file);
  }

  private startAgain(file: string): void {
    this.respawn = setTimeout(() => {
      this.start(file).catch((error: unknown) => {
        this.options.log.error({ err: error }, 'model host cannot be started again');
        this.host?.kill();
      });
    }, this.pause);
    this.pause = Math.min(this.pause * 2, BACKOFF_MS.most);
  }
}
