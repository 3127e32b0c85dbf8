import os from 'node:os';
import type { FastifyBaseLogger } from 'fastify';
import { notReady } from '../../shared/errors';
import type { GenerationListener } from '../generation/answer';
import { isDecoder } from '../generation/decoder';
import { Watchdog } from '../generation/watchdog';
import { hostNotStarted, ModelError, modelProcessLost, runTimedOut, tensorsTooLarge } from '../errors';
import { FRAME_LIMITS, payloadBytes } from '../host/frames';
import type { Frame } from '../host/frames';
import { confined } from '../host/confine';
import { bytesBeside } from '../host/memory';
import { chooseWorkers, planWorkers } from '../host/plan';
import type { Plan } from '../host/plan';
import { HostProcess } from '../host/process';
import type { HostCommand } from '../host/process';
import { joinTensors, TensorHeaders } from '../host/protocol';
import type { HostReply, Measured } from '../host/protocol';
import type { Tensor } from '../tensors/tensor';
import type { Backend, Capacity, GenerationWork, ModelSignature } from './backend';
import { Conversation } from './conversation';
import { MemoryWatch } from './memory-watch';
import type { OnnxOptions } from './onnx';
import { repliedFailure } from './run-failure';

/** How a model is run in a process of its own. */
export interface HostBackendOptions {
  readonly host: HostCommand;
  readonly onnx: OnnxOptions;
  /** Seconds after which a run is ended together with its host. */
  readonly runTimeout: number;
  /**
   * Seconds after which a load of the graph is ended together with its host.
   * @default 600
   */
  readonly loadTimeout?: number;
  readonly log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>;
  /**
   * Workers inside the host, each with a session of its own.
   * @default 0 - chosen from the cores and the time of a run
   */
  readonly workers?: number;
  /**
   * Most bytes that the host may take.
   * @default 0 - no limit
   */
  readonly memoryBytes?: number;
  /**
   * Most rows of a batch to try while measuring; below 2 nothing is measured.
   * @default 64
   */
  readonly maxRows?: number;
}

const BACKOFF_MS = { first: 50, most: 10_000, mostHopeless: 60_000 } as const;
const LOAD_TIMEOUT = 600;
const CLOSE_PATIENCE_MS = 3_000;
const MEASURE = { maxRows: 64, budgetMs: 1_500 } as const;
const UNMEASURED: Measured = { runMs: undefined, maxRows: 1 };
const ONE: Capacity = { workers: 1, maxRows: 1 };

const loadTimedOut = (seconds: number): ModelError =>
  new ModelError('LNMT8319', `it was not loaded after ${seconds} s`);

/**
 * A model in a child process. The process is started again whenever it ends: at once after a run that it survived
 * before, with growing pauses while it keeps ending. Its death fails only what it was working on.
 */
export class HostBackend implements Backend {
  private host: HostProcess | undefined;
  private file: string | undefined;
  private check: (() => Promise<void>) | undefined;
  private plan: Plan | undefined;
  private measured: Measured | undefined;
  private takes: Capacity = ONE;
  private ready = false;
  private closed = false;
  private pause: number = BACKOFF_MS.first;
  private respawn: NodeJS.Timeout | undefined;
  private readonly talk = new Conversation();
  private readonly runs = new TensorHeaders((inputs, outputs) => ({ type: 'run', inputs, outputs }));
  private readonly steps: Watchdog;
  private readonly memory: MemoryWatch;

  constructor(private readonly options: HostBackendOptions) {
    this.memory = new MemoryWatch(options.memoryBytes ?? 0, options.log);
    this.steps = new Watchdog(options.runTimeout * 1000, () => {
      options.log.error({ pid: this.pid, runTimeout: options.runTimeout }, 'no token in time, ending the model host');
      this.host?.kill();
    });
  }

  /** Process id of the host, while there is one. */
  get pid(): number | undefined {
    return this.host?.pid;
  }

  /** Resident bytes of the host when it was last looked at. */
  get memoryBytes(): number {
    return this.memory.resident;
  }

  async load(file: string, check?: () => Promise<void>): Promise<ModelSignature> {
    this.file = file;
    this.check = check;
    try {
      await this.prepare(file);
      return await this.start(file);
    } catch (error) {
      await this.dismiss()?.close(CLOSE_PATIENCE_MS);
      if (error instanceof ModelError) throw error;
      throw new ModelError('LNMT8306', 'its process ended while loading', false, error);
    }
  }

  async run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<readonly Tensor[]> {
    const host = this.host;
    if (host === undefined || !this.ready) throw notReady('replacing its model process');
    const parts = inputs.map(({ data }) => data);
    const bytes = payloadBytes(parts);
    if (bytes > FRAME_LIMITS.payload) throw tensorsTooLarge('inputs', bytes, FRAME_LIMITS.payload);
    const request = this.runs.of(inputs, outputs);
    const { reply, payload } = await this.within(host, () =>
      this.talk.ask(host, this.talk.quietest(this.takes.workers), request, parts),
    );
    this.pause = BACKOFF_MS.first;
    if (reply.type === 'failed') throw repliedFailure(reply);
    if (reply.type !== 'result') throw new Error(`host answered a run with '${reply.type}'; this is a bug`);
    return joinTensors(reply.outputs, payload);
  }

  generate({ prompt, options, engine }: GenerationWork, listener: GenerationListener): () => void {
    const host = this.host;
    if (host === undefined || !this.ready) throw notReady('replacing its model process');
    const over = this.steps.watch();
    const question = { type: 'generate', promptTokens: prompt.length, options, engine } as const;
    const bytes = new Uint8Array(prompt.buffer, prompt.byteOffset, prompt.byteLength);
    return this.talk.listen(host, 0, question, [bytes], {
      step: (step) => {
        this.steps.heard();
        if (step.token !== undefined) this.pause = BACKOFF_MS.first;
        if (step.finish !== undefined) over();
        listener.step(step);
      },
      fail: (error) => {
        over();
        listener.fail(error);
      },
    });
  }

  capacity(): Capacity {
    return this.takes;
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

  /** Ends the host when the work takes longer than it may: by default, than a run may. */
  private async within<T>(
    host: HostProcess,
    work: () => Promise<T>,
    seconds = this.options.runTimeout,
    timedOut: (seconds: number) => Error = runTimedOut,
  ): Promise<T> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      const reason = timedOut(seconds).message;
      this.options.log.error({ pid: host.pid, seconds, reason }, 'deadline passed, ending the model host');
      host.kill();
    }, seconds * 1000);
    try {
      return await work();
    } catch (error) {
      throw late ? timedOut(seconds) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Decides how the model is spread over the machine. */
  private async prepare(file: string, workers = this.options.workers ?? 0): Promise<void> {
    const { onnx, memoryBytes = 0 } = this.options;
    const modelBytes = await bytesBeside(file);
    const cores = os.availableParallelism();
    const onCpu = onnx.executionProvider === 'cpu';
    this.plan = planWorkers({ workers, threads: onnx.threads, cores, modelBytes, memoryBytes, onCpu });
  }

  private async start(file: string): Promise<ModelSignature> {
    if (this.closed) throw modelProcessLost();
    const { maxWorkers = 1, threads = 1 } = this.plan ?? {};
    const { host: started, memoryBytes = 0 } = this.options;
    const confinement = { memoryBytes, searchPath: started.env['PATH'] ?? '' };
    const { host: command, memory, end } = confined(started, confinement);
    const host = new HostProcess(command, maxWorkers, {
      onFrame: (frame) => this.receive(frame),
      onExit: (how) => this.lost(host, how),
    });
    this.host = host;
    this.memory.loading(host, memory === 'hard');
    const signature = await this.loadWorker(host, 0, file, threads);
    if (isDecoder(signature) && (await this.isReplanned(host))) return this.start(file);
    if (this.measured === undefined && !(await this.measure(host))) return this.start(file);
    const { runMs, maxRows } = this.measured ?? UNMEASURED;
    const workers = chooseWorkers(this.options.workers ?? 0, { maxWorkers, threads }, runMs);
    if (!(await this.loadFurther(host, workers, file, threads))) return this.start(file);
    this.takes = { workers, maxRows, runMs };
    this.memory.serving(host);
    this.ready = true;
    const { executionProvider: provider, allowCpuFallback } = this.options.onnx;
    const runs = { provider, allowCpuFallback, threads, ...this.takes, memory, end };
    this.options.log.info({ pid: host.pid, ...runs }, 'model host ready');
    return signature;
  }

  /** A decoder has one worker with all cores: its answers share runs, and its caches lie in one place. */
  private async isReplanned(host: HostProcess): Promise<boolean> {
    const { onnx, workers = 0 } = this.options;
    this.measured = UNMEASURED;
    if (workers > 0 || this.plan?.maxWorkers === 1) return false;
    const onCpu = onnx.executionProvider === 'cpu';
    this.plan = { maxWorkers: 1, threads: onnx.threads || (onCpu ? os.availableParallelism() : 1) };
    // It ends as it should: nothing is lost.
    this.dismiss();
    await host.close(CLOSE_PATIENCE_MS);
    return true;
  }

  /**
   * Loads the model into the workers after the first, which could. False when one could not: the memory holds fewer,
   * and the host was ended to begin again with those.
   */
  private async loadFurther(host: HostProcess, asked: number, file: string, threads: number): Promise<boolean> {
    const loads = Array.from({ length: asked - 1 }, (_, index) => this.loadWorker(host, index + 1, file, threads));
    const outcomes = await Promise.allSettled(loads);
    const errors = outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason as Error] : []));
    const [err] = errors;
    if (err === undefined) return true;
    if (this.closed || (err instanceof ModelError && err.code === 'LNMT8319')) throw err;
    const workers = asked - errors.length;
    this.options.log.warn({ pid: host.pid, err, workers, asked }, 'not all workers could load, taking fewer');
    this.dismiss();
    await host.close(CLOSE_PATIENCE_MS);
    await this.prepare(file, workers);
    return false;
  }

  private async loadWorker(host: HostProcess, worker: number, file: string, threads: number): Promise<ModelSignature> {
    host.startWorker(worker);
    const options = { ...this.options.onnx, threads };
    const ask = () => this.talk.ask(host, worker, { type: 'load', file, options }, []);
    const { reply } = await this.within(host, ask, this.options.loadTimeout ?? LOAD_TIMEOUT, loadTimedOut);
    if (reply.type === 'failed') throw new ModelError('LNMT8306', reply.message);
    if (reply.type !== 'loaded') throw new Error(`host answered a load with '${reply.type}'; this is a bug`);
    return reply.signature;
  }

  /** Measures the model once in its life. False when its host did not survive made-up inputs. */
  private async measure(host: HostProcess): Promise<boolean> {
    const options = { maxRows: this.options.maxRows ?? MEASURE.maxRows, budgetMs: MEASURE.budgetMs };
    const question = { type: 'measure', options } as const;
    const answer = await this.within(host, () => this.talk.ask(host, 0, question, [])).catch(() => undefined);
    this.measured = answer?.reply.type === 'measured' ? answer.reply.measured : UNMEASURED;
    return answer !== undefined;
  }

  private receive({ id, header, payload }: Frame): void {
    this.talk.receive(id, header as HostReply, payload);
  }

  private lost(host: HostProcess, how: string): void {
    const wasReady = this.ready && this.host === host;
    if (this.host === host) {
      this.ready = false;
      this.memory.end();
    }
    const unstarted = host.failure && hostNotStarted(host.failure);
    const reason = wasReady ? undefined : (unstarted ?? this.memory.reasonFor(host));
    this.talk.fail(host, reason ?? modelProcessLost());
    if (this.closed || this.host !== host || this.file === undefined) return;
    this.options.log.error({ pid: host.pid, how, pauseMs: this.pause }, 'model host ended');
    // One that ends while it starts is reported by who starts it.
    if (wasReady) this.startLater(this.file);
  }

  private startLater(file: string, mostMs: number = BACKOFF_MS.most): void {
    this.respawn = setTimeout(() => void this.startAgain(file), this.pause);
    this.pause = Math.min(this.pause * 2, mostMs);
  }

  /** Starts what once worked. Whatever keeps it from that, it is tried again later. */
  private async startAgain(file: string): Promise<void> {
    try {
      await this.check?.();
      await this.start(file);
    } catch (error) {
      const host = this.dismiss();
      host?.kill();
      if (this.closed) return;
      this.options.log.error({ err: error, pauseMs: this.pause }, 'model host cannot be started again');
      // Each try may fetch what is damaged, in vain as long as the repository has nothing better.
      const isHopeless = error instanceof ModelError && error.code === 'LNMT8314' && !error.retryable;
      this.startLater(file, isHopeless ? BACKOFF_MS.mostHopeless : BACKOFF_MS.most);
    }
  }

  /** Lets go of the host: its end is no event any more. */
  private dismiss(): HostProcess | undefined {
    const { host } = this;
    this.host = undefined;
    this.memory.end();
    return host;
  }
}
