import { setTimeout as delay } from 'node:timers/promises';
import { HEADERS, inferPath, MODEL_NAME_PATTERN } from '../../contract';
import { Breaker } from '../../shared/breaker';
import { signalOf } from '../../shared/cancellation';
import { ERROR_CODE_HEADER } from '../../shared/error-plugin';
import { clientGone, unknownModel } from '../errors';
import type { Answer } from '../registry';
import type { InferenceCall } from '../serving/layer';
import { SendError } from './destination';
import type { Destination, Reply, Sending } from './destination';
import * as errors from './errors';
import { UpstreamError } from './errors';
import { passedHeaders } from './passed-on';
import { checkOutputs, readWireAnswer, writeWireRequest } from './wire';

/** Failures in a row that open the breaker of an upstream, and how long it stays open. */
export const UPSTREAM_BREAKER = { failures: 5, pauseMs: 1_000, mostPauseMs: 30_000 } as const;

const VERSION = /^[A-Za-z0-9][\w.-]{0,63}$/;
const RETRY_MS = 50;
const MAX_REST_S = 30;

/** Told of each request to the upstream server: how it ended and after how many seconds. */
export type UpstreamObserver = (outcome: 'answered' | 'cancelled' | errors.UpstreamFailure, seconds: number) => void;

/** What the upstream server is asked with. */
export interface UpstreamOptions {
  readonly destination: Pick<Destination, 'send'>;
  /** Most requests at the same time. */
  readonly connections: number;
  /** Names of headers of the request that go along, in lower case. @default - only those that always do */
  readonly headers?: readonly string[];
  /** Most bytes of an answer. */
  readonly maxBytes: number;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  readonly observed: UpstreamObserver;
  /** Told what is not said to callers. */
  readonly log: { warn(fields: object, message: string): void };
}

/** How one request is passed on. */
export interface Passing {
  /** Milliseconds until the answer is of no use. */
  readonly timeoutMs: number;
  /** Value of the header that lists who passed it on. */
  readonly via: string;
  /** True where nobody else can answer: then it is tried again when there was no connection. */
  readonly last: boolean;
}

/** True for what can be part of a path. */
export const isNameable = (name: string, version: string | undefined): boolean =>
  MODEL_NAME_PATTERN.test(name) && (version === undefined || VERSION.test(version));

function seconds(text: string | undefined): number {
  const value = text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : 1;
  return Math.max(1, Math.min(value, MAX_REST_S));
}

/** Codes by which our servers say that they have too much to do, whatever the model. */
const WHOLE: ReadonlySet<string> = new Set(['LNMT8003', 'LNMT8004', 'LNMT8012']);

/** False where one model is to blame: then the others are asked on. */
function isWhole(headers: Reply['headers']): boolean {
  const code = headers[ERROR_CODE_HEADER];
  return typeof code !== 'string' || WHOLE.has(code);
}

/** What a status other than success means. */
function failureOf({ status, headers }: Reply): UpstreamError {
  if (status === 404) return errors.absentUpstream();
  if (status === 401 || status === 403) return errors.notAccepted(status);
  if (status === 429 || status === 503) return errors.upstreamBusy(seconds(headers['retry-after']), isWhole(headers));
  if (status === 508) return errors.inLoop();
  if (status === 408 || status === 504) return errors.upstreamTimedOut();
  if (status >= 500) return errors.upstreamFailed(status);
  if (status >= 400) return errors.upstreamRefused(status);
  return errors.invalidAnswer(new Error(`status ${status}`));
}

function failureOfSending(error: unknown): unknown {
  if (!(error instanceof SendError)) return error;
  switch (error.kind) {
    case 'cancelled':
      return clientGone();
    case 'timeout':
      return errors.upstreamTimedOut();
    case 'too-large':
      return errors.invalidAnswer(error);
    case 'broken':
    case 'unconnected':
      return errors.unreachable(error);
  }
}

/** Failures after which it is left alone, when they repeat. */
const COUNTED: ReadonlySet<errors.UpstreamFailure> = new Set(['unreachable', 'timeout', 'failed', 'invalid']);

/** The upstream server: asked by the protocol, left alone when it fails, never more than so many at once. */
export class Upstream {
  readonly breaker: Breaker;
  private inFlight = 0;

  constructor(private readonly options: UpstreamOptions) {
    this.breaker = new Breaker(UPSTREAM_BREAKER, options.now);
  }

  /** Passes a call on. @throws RequestError; an UpstreamError where the upstream server gave no answer */
  async infer({ name, version, request, signal, attribute }: InferenceCall, passing: Passing): Promise<Answer> {
    if (!isNameable(name, version)) throw unknownModel();
    const { body, headerBytes } = writeWireRequest(request);
    const reply = await this.ask(
      {
        ...{ method: 'POST', path: inferPath(name, version), body, signal: signalOf(signal) },
        headers: {
          ...passedHeaders(attribute, this.options.headers ?? []),
          'content-type': 'application/octet-stream',
          [HEADERS.inferenceHeaderLength]: String(headerBytes),
        },
      },
      passing,
      (answer) => {
        const length = answer.headers[HEADERS.inferenceHeaderLength];
        const read = readWireAnswer(answer.body, Array.isArray(length) ? length[0] : length);
        checkOutputs(read.outputs, request.outputs);
        return read;
      },
    );
    const model = { name, version: reply.version ?? version ?? '' };
    return { model, outputs: reply.outputs, servedBy: 'upstream' };
  }

  /** Asks anything of the upstream server. @param read throws for an answer that is none @throws RequestError */
  async ask<T>(
    sending: Pick<Sending, 'method' | 'path' | 'body' | 'signal' | 'headers'>,
    passing: Passing,
    read: (reply: Reply) => T,
  ): Promise<T> {
    if (this.inFlight >= this.options.connections) {
      // A bound of this server: no word of the upstream server, whose failures count on.
      this.options.observed('not-ready', 0);
      throw errors.upstreamBusy(1, false);
    }
    const attempt = this.breaker.enter();
    if (attempt === undefined) throw errors.unreachable(undefined, this.breaker.retryAfter);
    const started = this.options.now();
    const took = (): number => (this.options.now() - started) / 1000;
    try {
      const value = await this.bounded(sending, passing, read);
      attempt.succeeded();
      this.options.observed('answered', took());
      return value;
    } catch (error) {
      const reason = error instanceof UpstreamError ? error.reason : undefined;
      if (reason === undefined) attempt.abandoned();
      else if (reason === 'overloaded') attempt.failed(((error as UpstreamError).retryAfter ?? 0) * 1000);
      else if (COUNTED.has(reason)) attempt.failed();
      else attempt.succeeded();
      this.options.observed(reason ?? 'cancelled', took());
      throw error;
    }
  }

  private async bounded<T>(
    sending: Pick<Sending, 'method' | 'path' | 'body' | 'signal' | 'headers'>,
    passing: Passing,
    read: (reply: Reply) => T,
  ): Promise<T> {
    this.inFlight += 1;
    try {
      const reply = await this.send(sending, passing);
      if (reply.status !== 200) {
        this.report(reply);
        throw failureOf(reply);
      }
      try {
        return read(reply);
      } catch (error) {
        throw errors.invalidAnswer(error);
      }
    } finally {
      this.inFlight -= 1;
    }
  }

  private async send(
    sending: Pick<Sending, 'method' | 'path' | 'body' | 'signal' | 'headers'>,
    { timeoutMs, via, last }: Passing,
  ): Promise<Reply> {
    const { destination, maxBytes, now } = this.options;
    const end = now() + timeoutMs;
    for (let retries = last ? 1 : 0; ; retries -= 1) {
      const left = Math.floor(end - now());
      if (left < 1) throw errors.upstreamTimedOut();
      const headers = { ...sending.headers, [HEADERS.requestTimeout]: String(left), [HEADERS.via]: via };
      try {
        return await destination.send({ ...sending, headers, timeoutMs: left, maxBytes });
      } catch (error) {
        // What may have reached the other side is never sent twice.
        const again = retries > 0 && error instanceof SendError && error.kind === 'unconnected';
        if (!again) throw failureOfSending(error);
        await delay(RETRY_MS);
      }
    }
  }

  /** What it says stays here: the text of another server is not for callers. */
  private report({ status, body }: Reply): void {
    const said = body.subarray(0, 500).toString('utf8');
    this.options.log.warn({ status, said }, 'the upstream server refused a request');
  }
}
