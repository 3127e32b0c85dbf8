import type { FastifyBaseLogger } from 'fastify';
import { unlessAborted } from '../../../shared/cancellation';
import type { Frame } from '../../host/frames';
import type { HostCommand } from '../../host/process';
import { clientGone } from '../../errors';
import { TurnQueue } from '../../threads/turn-queue';
import type { Asker } from '../../threads/turn-queue';
import { stepUnavailable } from '../errors';
import type { Isolation } from './isolation';
import { StepProcess } from './step-process';
import type { Work } from './step-process';

/** How steps are run in processes of their own. */
export interface WorkersOptions {
  /** What they are called in the log and in metrics. */
  readonly name: string;
  readonly host: HostCommand;
  readonly isolation: Isolation;
  /** First message to each of them. */
  readonly hello: object;
  readonly processes: number;
  /** Seconds that one step may take. */
  readonly timeout: number;
  /** Most resident bytes of each; 0 is no limit. */
  readonly memoryBytes: number;
  readonly log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>;
  /** Told when one of them was replaced. */
  readonly restarted: () => void;
}

/** Steps that wait for a process; one more is refused. */
const MOST_WAITING = 256;

/** Processes that take steps, one at a time each. */
export class StepWorkers {
  private readonly slots: readonly StepProcess[];
  private readonly queue = new TurnQueue<Work>();
  private nextId = 1;
  private closed = false;

  constructor(private readonly options: WorkersOptions) {
    const idle = (): void => this.dispatch();
    this.slots = Array.from({ length: options.processes }, () => new StepProcess(options, idle));
  }

  /** Starts them. Resolves when all are ready. @throws Error that says why one cannot be started */
  async start(): Promise<void> {
    await Promise.all(this.slots.map((slot) => slot.start()));
    const { log, name, isolation, processes } = this.options;
    log.info({ process: name, processes, ...isolation }, 'processes of steps ready');
    if (isolation.network === 'open') log.warn({ process: name }, 'this system cannot keep it from the network');
  }

  /**
   * Has one step taken, when a process is free; not for whoever left before.
   *
   * @throws RequestError LNMT8450, LNMT8451
   */
  ask(label: string, header: object, parts: readonly Uint8Array[], asker: Asker = {}): Promise<Frame> {
    const answer = new Promise<Frame>((resolve, reject) => {
      if (this.closed) return reject(stepUnavailable(label, 'the server is ending'));
      if (this.queue.size >= MOST_WAITING) return reject(stepUnavailable(label, 'too many wait for it'));
      const work: Work = { id: this.nextId++, label, header, parts, resolve, reject, timer: undefined };
      work.timer = setTimeout(() => {
        this.queue.delete(work);
        reject(stepUnavailable(label, 'its process is busy or being replaced'));
      }, this.options.timeout * 1000);
      const left = (): void => {
        clearTimeout(work.timer);
        reject(clientGone());
      };
      this.queue.push(work, { ...asker, left });
      this.dispatch();
    });
    return unlessAborted(answer, asker.signal, clientGone);
  }

  /** Process ids, of those that run. */
  get pids(): readonly number[] {
    return this.slots.flatMap(({ pid }) => pid ?? []);
  }

  /** Ends them; open steps fail. */
  async close(): Promise<void> {
    this.closed = true;
    for (const { timer, reject, label } of this.queue.clear()) {
      clearTimeout(timer);
      reject(stepUnavailable(label, 'the server is ending'));
    }
    await Promise.all(this.slots.map((slot) => slot.close()));
  }

  private dispatch(): void {
    for (const slot of this.slots) {
      if (!slot.idle) continue;
      const work = this.queue.shift();
      if (work === undefined) return;
      clearTimeout(work.timer);
      slot.take(work);
    }
  }
}
