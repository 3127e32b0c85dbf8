import { setTimeout as delay } from 'node:timers/promises';
import { PATHS } from '../../contract';
import { findProgram } from '../dev/local-programs';
import { LocalProcess } from '../dev/local-process';
import type { ProcessExit } from '../dev/local-process';
import { ask } from '../http';
import { notServed, serverEnded } from './errors';
import { sentenceOf, ServerLog } from './server-log';

/** What a server is started with. */
export interface ServerSpec {
  /** Folder whose packages may hold the server. */
  readonly cwd: string;
  /** Node.js executable. */
  readonly node: string;
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Base URL, for this machine. */
  readonly url: string;
  /** Names of the models, for messages. */
  readonly models: readonly string[];
  /** What the server says once it serves. */
  readonly onLine: (line: string) => void;
}

const POLL_MS = 15;
const GRACE = { preStopSeconds: 0, graceSeconds: 40 } as const;

const describeExit = ({ code, signal }: ProcessExit): string =>
  signal === null ? `code ${code ?? 'unknown'}` : `signal ${signal}`;

/** The inference server as a process. */
export class LocalServer {
  private readonly process: LocalProcess;
  private readonly log = new ServerLog();
  private serving = false;

  /** Starts it. @throws LNMT6015 when it is not installed */
  constructor(private readonly spec: ServerSpec) {
    const { command, args } = findProgram('inference', spec.cwd, spec.node);
    this.process = new LocalProcess({
      ...{ command, args, env: spec.env, cwd: spec.cwd },
      onLine: (line) => {
        this.log.add(line);
        if (this.serving) spec.onLine(sentenceOf(line));
      },
    });
  }

  /** Resolves when every model is ready. @throws LNMT6054 */
  async ready(signal: AbortSignal): Promise<void> {
    const polling = new AbortController();
    const ended = this.process.exited.then(() => {
      throw notServed(this.spec.models, this.log.lastWords || 'the server ended without a word');
    });
    const either = AbortSignal.any([signal, polling.signal]);
    await Promise.race([ended, this.untilReady(either)]).finally(() => polling.abort());
    this.serving = !signal.aborted;
  }

  /** Rejects when the server ends by itself. @throws LNMT6055 */
  async gone(): Promise<never> {
    throw serverEnded(describeExit(await this.process.exited), this.log.lastWords);
  }

  /** Lets requests in flight end, then ends it. True when none was cut. */
  async stop(): Promise<boolean> {
    const served = this.serving;
    this.serving = false;
    return (await this.process.stop(GRACE)).code === 0 || !served;
  }

  /** Cuts the waiting of {@link stop} short. */
  hurry(): void {
    this.process.hurry();
  }

  private async untilReady(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const answer = await ask(this.spec.url + PATHS.ready).catch(() => undefined);
      if (answer?.status === 200) return;
      await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
