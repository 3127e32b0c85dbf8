import { HEADERS } from '../../contract';
import { RequestError } from '../../shared/errors';
import { checkDeadline } from '../deadline';
import type { Answer } from '../registry';
import type { Infer, InferenceCall, Layer } from '../serving/layer';
import { inLoop, UpstreamError } from './errors';
import type { Passing, Upstream } from './upstream';
import { isNameable } from './upstream';
import type { Via } from './via';

/** Why who is asked first gave no answer; `first` where it did. */
export type Reason = 'first' | 'absent' | 'not-ready' | 'overloaded' | 'failed' | UpstreamError['reason'];

/** What the layer goes by. */
export interface ProxyOptions {
  readonly mode: 'local-first' | 'upstream-first';
  readonly upstream: Pick<Upstream, 'infer'>;
  readonly via: Via;
  /** Milliseconds that the upstream server may take where nobody else answers. */
  readonly timeoutMs: number;
  /** Milliseconds that it may take where a local model can answer. */
  readonly patienceMs: number;
  /** True when a model here would answer now. */
  readonly canAnswer: (name: string, version: string | undefined) => boolean;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  readonly answered: (by: 'local' | 'upstream', reason: Reason) => void;
}

const DEADLINE = 'LNMT8220';
const HOST_LOST = 'LNMT8206';
/** A full queue, no memory for the model, and none for the run. */
const OVERLOADED = new Set(['LNMT8221', 'LNMT8212', 'LNMT8208']);

/** Why another server might do better; undefined where the request or its caller is at fault. */
export function reasonOf(error: unknown): Reason | undefined {
  if (!(error instanceof RequestError)) return 'failed';
  if (error.code === DEADLINE) return undefined;
  if (error.code === HOST_LOST || error.status === 500 || error.status === 504) return 'failed';
  if (error.status === 404) return 'absent';
  if (error.status === 429) return 'overloaded';
  if (error.status !== 503) return undefined;
  return OVERLOADED.has(error.code) ? 'overloaded' : 'not-ready';
}

class Proxy {
  constructor(
    private readonly options: ProxyOptions,
    private readonly next: Infer,
  ) {}

  readonly localFirst: Infer = async (call) => {
    if (call.isCopy === true) return this.next(call);
    let reason: Reason | undefined;
    let failure: unknown;
    try {
      return this.local(await this.next(call), 'first');
    } catch (error) {
      reason = reasonOf(error);
      if (reason === undefined || call.signal.aborted || !isNameable(call.name, call.version)) throw error;
      failure = error;
    }
    const list = call.attribute(HEADERS.via);
    const via = this.options.via.next(list);
    if (via === undefined) throw reason === 'absent' && !this.options.via.passed(list) ? inLoop() : failure;
    try {
      return await this.pass(call, { via, last: true, mostMs: this.options.timeoutMs }, reason);
    } catch (error) {
      // Where the model is here, what kept it says more than that nobody else helped.
      const says = reason === 'absent' || !(error instanceof UpstreamError) || !error.elsewhere;
      throw says ? error : failure;
    }
  };

  readonly upstreamFirst: Infer = async (call) => {
    if (call.isCopy === true) return this.next(call);
    const { via: list, canAnswer, timeoutMs, patienceMs } = this.options;
    const via = list.next(call.attribute(HEADERS.via));
    if (via === undefined || !isNameable(call.name, call.version)) {
      return this.local(await this.next(call), 'loop');
    }
    const last = !canAnswer(call.name, call.version);
    let failure: UpstreamError;
    try {
      return await this.pass(call, { via, last, mostMs: last ? timeoutMs : patienceMs }, 'first');
    } catch (error) {
      if (!(error instanceof UpstreamError) || !error.elsewhere || call.signal.aborted) throw error;
      failure = error;
    }
    try {
      return this.local(await this.next(call), failure.reason);
    } catch (error) {
      throw reasonOf(error) === 'absent' && failure.reason !== 'absent' ? failure : error;
    }
  };

  private local(answer: Answer, reason: Reason): Answer {
    this.options.answered('local', reason);
    return { ...answer, servedBy: 'local' };
  }

  private async pass(
    call: InferenceCall,
    { mostMs, ...passing }: Omit<Passing, 'timeoutMs'> & { readonly mostMs: number },
    reason: Reason,
  ): Promise<Answer> {
    const { deadline } = call.request;
    const now = this.options.now();
    checkDeadline(deadline, now);
    const timeoutMs = deadline === undefined ? mostMs : Math.min(mostMs, deadline - now);
    const answer = await this.options.upstream.infer(call, { ...passing, timeoutMs });
    this.options.answered('upstream', reason);
    call.judge?.(answer.model);
    return reason === 'failed' ? { ...answer, failedHere: true } : answer;
  }
}

/** Two servers that answer for one another: the models here, and those of the upstream server. */
export function proxyLayer(options: ProxyOptions): Layer {
  return (next) => {
    const proxy = new Proxy(options, next);
    return options.mode === 'local-first' ? proxy.localFirst : proxy.upstreamFirst;
  };
}
