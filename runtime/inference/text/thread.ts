import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { SOURCE_LOADER } from '../../shared/source-loader';
import { ModelError } from '../errors';
import { textFailed } from './errors';
import type { TextAnswers, TextQuestion, TextReply, TextRequest, TextWorkerData } from './worker';

/** Bounds of a text thread. */
export interface TextThreadOptions {
  /** Milliseconds that one question may take. @default 10000 */
  readonly deadlineMs?: number;
  /** Mebibytes of memory. @default 1024 */
  readonly memoryMb?: number;
}

interface Waiting {
  readonly request: TextRequest;
  readonly resolve: (answer: TextAnswers[keyof TextAnswers]) => void;
  readonly reject: (error: Error) => void;
}

const DEADLINE_MS = 10_000;
/** Reading a large vocabulary takes longer than any question. */
const START_MS = 60_000;
const MEMORY_MB = 1024;
const WORKER = path.join(__dirname, 'worker');

/**
 * Tokenizer and chat template of a model in a thread of their own: text is of any length and templates are programs,
 * and neither may keep the sockets waiting. Questions are answered one by one; one that takes too long ends the
 * thread, and the next is answered by a new one.
 */
export class TextThread {
  private worker: Worker | undefined;
  private nextId = 1;
  private fresh = true;
  private running: { readonly id: number; readonly waiting: Waiting; readonly timer: NodeJS.Timeout } | undefined;
  private readonly queue: Waiting[] = [];
  private closed = false;

  constructor(
    private readonly dir: string,
    private readonly options: TextThreadOptions = {},
  ) {}

  /** Asks. @throws RequestError `LNMT8245` when it takes too long, ModelError when the files are wrong */
  ask<K extends keyof TextAnswers>(request: Extract<TextRequest, { do: K }>): Promise<TextAnswers[K]> {
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(textFailed('the model is being unloaded'));
      const taken = resolve as (answer: TextAnswers[keyof TextAnswers]) => void;
      this.queue.push({ request, resolve: taken, reject });
      this.next();
    });
  }

  /** Ends the thread; open questions fail. */
  async close(): Promise<void> {
    this.closed = true;
    const { worker } = this;
    for (const { reject } of this.queue.splice(0)) reject(textFailed('the model is being unloaded'));
    this.fail('the model is being unloaded');
    await worker?.terminate();
  }

  private next(): void {
    if (this.running !== undefined) return;
    const waiting = this.queue.shift();
    if (waiting === undefined) return;
    const worker = (this.worker ??= this.start());
    const id = this.nextId++;
    const { deadlineMs = DEADLINE_MS } = this.options;
    const timer = setTimeout(() => this.fail('it takes too long'), this.fresh ? START_MS : deadlineMs);
    this.running = { id, waiting, timer };
    const question: TextQuestion = { id, request: waiting.request };
    worker.postMessage(question);
  }

  private start(): Worker {
    this.fresh = true;
    const workerData: TextWorkerData = { dir: this.dir };
    const worker = new Worker(`require(${JSON.stringify(WORKER)})`, {
      eval: true,
      workerData,
      execArgv: [...SOURCE_LOADER],
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: this.options.memoryMb ?? MEMORY_MB },
    });
    worker.unref();
    worker.on('message', (reply: TextReply) => this.receive(worker, reply));
    worker.on('error', () => this.lost(worker));
    worker.on('exit', () => this.lost(worker));
    return worker;
  }

  private receive(worker: Worker, reply: TextReply): void {
    const { running } = this;
    if (worker !== this.worker || running?.id !== reply.id) return;
    this.fresh = false;
    clearTimeout(running.timer);
    this.running = undefined;
    if ('answer' in reply) running.waiting.resolve(reply.answer);
    else if (reply.isFault) running.waiting.reject(new ModelError('LNMT8315', reply.failed));
    else running.waiting.reject(textFailed('the tokenizer refuses it'));
    this.next();
  }

  private lost(worker: Worker): void {
    if (worker === this.worker) this.fail('it takes too much memory');
  }

  /** Ends the thread and the question that it is at. */
  private fail(why: string): void {
    const { worker, running } = this;
    this.worker = undefined;
    this.running = undefined;
    clearTimeout(running?.timer);
    void worker?.terminate();
    running?.waiting.reject(textFailed(why));
    this.next();
  }
}
