import { Worker } from 'node:worker_threads';
import { unlessAborted } from '../../shared/cancellation';
import { SOURCE_LOADER } from '../../shared/source-loader';
import { TurnQueue } from './turn-queue';
import type { Asker } from './turn-queue';

/** Why a question has no answer: the thread was closed, took too long or too much memory, or nobody waits any more. */
export type Unanswered = 'closed' | 'slow' | 'large' | 'left';

/** How a thread is run. */
export interface QuestionThreadOptions {
  /** Path of the module that answers, without its ending: see `answerQuestions`. */
  readonly worker: string;
  /** What the module starts with. */
  readonly workerData?: unknown;
  /** Milliseconds that one question may take. */
  readonly deadlineMs: number;
  /** Milliseconds that a thread may take to start. @default - `deadlineMs` */
  readonly startMs?: number;
  /** Milliseconds without a question after which the thread ends; the next question starts another. @default - it stays */
  readonly idleMs?: number;
  /** Mebibytes of memory. */
  readonly memoryMb: number;
  /** The error for a question without an answer. */
  readonly refusal: (why: Unanswered) => Error;
}

/** A question as it is asked. */
export interface Asked<Question> {
  readonly question: Question;
  /** How much work it is, in a unit of the thread: what callers take turns by. */
  readonly cost: number;
  /** Memory that moves to the thread. @default - none */
  readonly transfer?: readonly ArrayBuffer[];
}

/** What goes to a thread. */
export interface NumberedQuestion<Question> {
  readonly id: number;
  readonly question: Question;
}

/** What comes from it. */
export interface NumberedReply<Reply> {
  readonly id: number;
  readonly reply: Reply;
}

/** What comes first: the thread has started. */
export interface Ready {
  readonly ready: true;
}

interface Waiting<Question, Reply> extends Asked<Question> {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

interface Running<Question, Reply> {
  readonly id: number;
  readonly waiting: Waiting<Question, Reply>;
  timer: NodeJS.Timeout;
}

/**
 * Answers questions in a thread, one by one: work that takes long must not keep the sockets waiting. One that takes too
 * much ends the thread, and the next is answered by a new one. Callers take turns by the cost of their questions, and a
 * question whose asker leaves while it waits is dropped; nobody waits for one that is being answered.
 */
export class QuestionThread<Question, Reply> {
  private worker: Worker | undefined;
  private nextId = 1;
  private fresh = true;
  private running: Running<Question, Reply> | undefined;
  private idle: NodeJS.Timeout | undefined;
  private readonly queue = new TurnQueue<Waiting<Question, Reply>>();
  private closed = false;

  constructor(private readonly options: QuestionThreadOptions) {}

  /** Asks. @throws the refusal for what stays unanswered */
  ask(asked: Asked<Question>, asker: Asker = {}): Promise<Reply> {
    const { refusal } = this.options;
    const left = (): Error => refusal('left');
    const reply = new Promise<Reply>((resolve, reject) => {
      if (this.closed) return reject(refusal('closed'));
      const waiting = { ...asked, resolve, reject };
      this.queue.push(waiting, { ...asker, cost: asked.cost, left: () => reject(left()) });
      this.next();
    });
    return unlessAborted(reply, asker.signal, left);
  }

  /** Ends the thread; open questions are refused. */
  async close(): Promise<void> {
    this.closed = true;
    const { worker } = this;
    for (const { reject } of this.queue.clear()) reject(this.options.refusal('closed'));
    this.fail('closed');
    await worker?.terminate();
  }

  private next(): void {
    if (this.running !== undefined) return;
    clearTimeout(this.idle);
    const waiting = this.queue.shift();
    if (waiting === undefined) return this.rest();
    const worker = (this.worker ??= this.start());
    const id = this.nextId++;
    this.running = { id, waiting, timer: this.deadline() };
    const { question, transfer = [] } = waiting;
    worker.postMessage({ id, question } satisfies NumberedQuestion<Question>, transfer);
  }

  private rest(): void {
    const { idleMs } = this.options;
    if (this.worker === undefined || idleMs === undefined) return;
    this.idle = setTimeout(() => this.end(), idleMs).unref();
  }

  private start(): Worker {
    this.fresh = true;
    const { worker: file, workerData, memoryMb } = this.options;
    const worker = new Worker(`require(${JSON.stringify(file)})`, {
      eval: true,
      workerData,
      execArgv: [...SOURCE_LOADER],
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
    });
    worker.unref();
    const lost = (): void => {
      if (worker === this.worker) this.fail('large');
    };
    worker.on('message', (message: NumberedReply<Reply> | Ready) => {
      if (worker !== this.worker) return;
      if ('ready' in message) this.started();
      else this.receive(message);
    });
    worker.on('error', lost);
    worker.on('exit', lost);
    return worker;
  }

  private deadline(): NodeJS.Timeout {
    const { deadlineMs, startMs = deadlineMs } = this.options;
    return setTimeout(() => this.fail('slow'), this.fresh ? startMs : deadlineMs);
  }

  /** A question has its time from here on: what the thread takes to start is no excuse for it. */
  private started(): void {
    this.fresh = false;
    if (this.running === undefined) return;
    clearTimeout(this.running.timer);
    this.running.timer = this.deadline();
  }

  private receive({ id, reply }: NumberedReply<Reply>): void {
    const { running } = this;
    if (running?.id !== id) return;
    clearTimeout(running.timer);
    this.running = undefined;
    running.waiting.resolve(reply);
    this.next();
  }

  /** Ends the thread; whoever asks next has another. */
  private end(): void {
    const { worker } = this;
    this.worker = undefined;
    void worker?.terminate();
  }

  /** Ends the thread and the question that it is at. */
  private fail(why: Unanswered): void {
    const { running } = this;
    this.running = undefined;
    clearTimeout(running?.timer);
    this.end();
    running?.waiting.reject(this.options.refusal(why));
    this.next();
  }
}
