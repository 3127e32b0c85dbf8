import { RequestError } from '../../shared/errors';
import type { RequestErrorOptions, RequestErrorTable } from '../../shared/errors';

/** Codes of requests that were passed on to the upstream server. */
export const EDGE_ERRORS = {
  LNMT8491: {
    status: 503,
    title: 'the upstream server cannot be reached',
    explanation:
      'No connection to LNMT_UPSTREAM_URL, or it broke, or the upstream server failed so often that it is left alone for a while. The server’s log names the cause.',
  },
  LNMT8492: {
    status: 504,
    title: 'the upstream server did not answer in time',
    explanation: 'The deadline of the request passed, or LNMT_UPSTREAM_TIMEOUT_SECONDS.',
  },
  LNMT8493: {
    status: 502,
    title: 'the answer of the upstream server cannot be used',
    explanation: 'It is not what the Open Inference Protocol says, or too large, or leads elsewhere.',
  },
  LNMT8494: {
    status: 508,
    title: 'the request came here through too many servers',
    explanation:
      'It was passed on by this server before, or by several others. LNMT_UPSTREAM_URL of two servers must not name each other for models that neither has.',
  },
  LNMT8495: {
    status: 400,
    title: 'the upstream server refused the request',
    explanation: 'The status is that of the upstream server; what it said stands in the log.',
  },
  LNMT8496: {
    status: 502,
    title: 'the upstream server does not accept this server',
    explanation:
      'The key in LNMT_UPSTREAM_KEY_FILE or the client certificate is not one that the upstream server lets infer.',
  },
  LNMT8497: {
    status: 503,
    title: 'too many requests are with the upstream server',
    explanation:
      'LNMT_UPSTREAM_CONNECTIONS are under way, or the upstream server says that it has too much to do. Repeat after the Retry-After header.',
  },
} as const satisfies RequestErrorTable;

/** Why the upstream server gave no answer. */
export type UpstreamFailure =
  'absent' | 'unreachable' | 'timeout' | 'failed' | 'overloaded' | 'not-ready' | 'invalid' | 'refused' | 'loop';

/** Statuses by which a server says that a request is wrong, whoever is asked; other refusals are its own. */
const WRONG: ReadonlySet<number> = new Set([400, 422]);

/** The upstream server gave no answer. */
export class UpstreamError extends RequestError {
  constructor(
    readonly reason: UpstreamFailure,
    code: keyof typeof EDGE_ERRORS,
    message: string,
    options: RequestErrorOptions & { readonly status?: number } = {},
  ) {
    super(code, { ...EDGE_ERRORS[code], status: options.status ?? EDGE_ERRORS[code].status }, message, options);
  }

  /** True when somebody else may have an answer; otherwise the request itself is at fault. */
  get elsewhere(): boolean {
    return this.reason !== 'refused' || !WRONG.has(this.status);
  }
}

/** 503: no connection, or a broken one, or left alone. */
export const unreachable = (cause?: unknown, retryAfter = 1): UpstreamError =>
  new UpstreamError('unreachable', 'LNMT8491', 'the upstream server cannot be reached; repeat later', {
    ...{ cause, retryAfter },
  });

/** 503: it answered that it failed. */
export const upstreamFailed = (status: number): UpstreamError =>
  new UpstreamError('failed', 'LNMT8491', `the upstream server failed with status ${status}; repeat later`, {
    retryAfter: 1,
  });

/** 504: no answer in time. */
export const upstreamTimedOut = (): UpstreamError =>
  new UpstreamError('timeout', 'LNMT8492', 'the upstream server did not answer in time', { retryAfter: 1 });

/** 502: an answer that is none. */
export const invalidAnswer = (cause: unknown): UpstreamError =>
  new UpstreamError('invalid', 'LNMT8493', 'the answer of the upstream server cannot be used', { cause });

/** 508: it was here before. */
export const inLoop = (): UpstreamError =>
  new UpstreamError('loop', 'LNMT8494', 'the request came here through too many servers');

/** The status that the upstream server says: it does not take the request. */
export const upstreamRefused = (status: number): UpstreamError =>
  new UpstreamError('refused', 'LNMT8495', `the upstream server refused the request with status ${status}`, { status });

/** 404: it is not there either. */
export const absentUpstream = (): UpstreamError =>
  new UpstreamError('absent', 'LNMT8495', 'the model or version is served neither here nor upstream', { status: 404 });

/** 502: our credential is not good. */
export const notAccepted = (status: number): UpstreamError =>
  new UpstreamError('failed', 'LNMT8496', 'the upstream server does not accept this server', {
    cause: new Error(`status ${status}`),
  });

/** 503: as much as may be is under way. @param whole true where that is so whatever is asked for */
export const upstreamBusy = (retryAfter: number, whole: boolean): UpstreamError =>
  new UpstreamError(
    whole ? 'overloaded' : 'not-ready',
    'LNMT8497',
    'too many requests are with the upstream server; repeat later',
    {
      retryAfter,
    },
  );
