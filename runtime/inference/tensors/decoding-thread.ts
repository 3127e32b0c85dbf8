import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { badJson, notReady, RequestError } from '../../shared/errors';
import { SOURCE_LOADER } from '../../shared/source-loader';
import type { DecodingQuestion, DecodingReply } from './decoding-worker';
import type { HttpInferenceRequest } from './request';

/** Bounds of a decoding thread. */
export interface DecodingOptions {
  /** Milliseconds that one body may take. @default 30000 */
  readonly deadlineMs?: number;
  /** Mebibytes of memory. @default 2048 */
  readonly memoryMb?: number;
}

interface Waiting {
  readonly body: Uint8Array;
  readonly headerLength: string | undefined;
  readonly resolve: (request: HttpInferenceRequest) => void;
  readonly reject: (error: Error) => void;
}

/** JSON up to this many bytes is read where it arrives, which takes less time than to hand it over. */
export const INLINE_BYTES = 256 * 1024;

const LIMITS = { deadlineMs: 30_000, memoryMb: 2_048 } as const;
const WORKER = path.join(__dirname, 'decoding-worker');

/** Bytes that may be moved to another thread: a long body is the only view of its memory, a short one may lie in a pool. */
function movable(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = body;
  const isAlone = buffer instanceof ArrayBuffer && byteLength > Buffer.poolSize / 2;
  return isAlone ? new Uint8Array(buffer, byteOffset, byteLength) : Uint8Array.from(body);
}

/**
 * Reads long requests in a thread: millions of numbers take a second, in which whoever owns the sockets would answer
 * nobody. Bodies are read one by one; one that takes too much ends the thread, and the next is read by a new one.
 */
export class DecodingThread {
  private worker: Worker | undefined;
  private nextId = 1;
  private running: { readonly id: number; readonly waiting: Waiting; readonly timer: NodeJS.Timeout } | undefined;
  private readonly queue: Waiting[] = [];
  private closed = false;

  constructor(private readonly options: DecodingOptions = {}) {}

  /** Reads a body, which is gone for the caller. @throws RequestError */
  decode(body: Uint8Array, headerLength: string | undefined): Promise<HttpInferenceRequest> {
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(notReady('ending'));
      this.queue.push({ body: movable(body), headerLength, resolve, reject });
      this.next();
    });
  }

  /** Ends the thread; what waits is refused. */
  async close(): Promise<void> {
    this.closed = true;
    const { worker } = this;
    for (const { reject } of this.queue.splice(0)) reject(notReady('ending'));
    this.fail(notReady('ending'));
    await worker?.terminate();
  }

  private next(): void {
    if (this.running !== undefined) return;
    const waiting = this.queue.shift();
    if (waiting === undefined) return;
    const worker = (this.worker ??= this.start());
    const id = this.nextId++;
    const { deadlineMs = LIMITS.deadlineMs } = this.options;
    const timer = setTimeout(() => this.fail(badJson('the body takes too long to read')), deadlineMs);
    this.running = { id, waiting, timer };
    const { body, headerLength } = waiting;
    const question: DecodingQuestion = { id, body, headerLength };
    worker.postMessage(question, [body.buffer as ArrayBuffer]);
  }

  private start(): Worker {
    const worker = new Worker(`require(${JSON.stringify(WORKER)})`, {
      eval: true,
      execArgv: [...SOURCE_LOADER],
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: this.options.memoryMb ?? LIMITS.memoryMb },
    });
    worker.unref();
    const lost = (): void => {
      if (worker === this.worker) this.fail(badJson('the body takes too much memory to read'));
    };
    worker.on('message', (reply: DecodingReply) => this.receive(worker, reply));
    worker.on('error', lost);
    worker.on('exit', lost);
    return worker;
  }

  private receive(worker: Worker, reply: DecodingReply): void {
    const { running } = this;
    if (worker !== this.worker || running?.id !== reply.id) return;
    clearTimeout(running.timer);
    this.running = undefined;
    if ('request' in reply) running.waiting.resolve(reply.request);
    else {
      const { code, status, message } = reply;
      running.waiting.reject(new RequestError(code, { status, title: message, explanation: '' }, message));
    }
    this.next();
  }

  /** Ends the thread and the body that it is at. */
  private fail(error: Error): void {
    const { worker, running } = this;
    this.worker = undefined;
    this.running = undefined;
    clearTimeout(running?.timer);
    void worker?.terminate();
    running?.waiting.reject(error);
    this.next();
  }
}
