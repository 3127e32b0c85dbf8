/** A rule that requests are held to: what a client sees of it, and what `lnmt explain` prints. */
export interface RequestErrorDefinition {
  /** HTTP status of the answer. */
  readonly status: number;
  /** The rule that was broken, in a few words. */
  readonly title: string;
  /** Why the rule exists and how to follow it, in a few sentences. */
  readonly explanation: string;
}

/** Definitions by stable code. A code is never reused for another rule. */
export type RequestErrorTable = Readonly<Record<`LNMT${number}`, RequestErrorDefinition>>;

/** Codes that every server answers with. */
export const SERVER_ERRORS = {
  LNMT8001: {
    status: 401,
    title: 'the request carries no valid API key',
    explanation: 'Send the key as `Authorization: Bearer KEY` or `X-API-Key: KEY`. An expired key counts as none.',
  },
  LNMT8002: {
    status: 403,
    title: 'the API key lacks a scope',
    explanation: 'Each operation needs one scope (infer, read or manage). Add it to the entry of the key file.',
  },
  LNMT8003: {
    status: 429,
    title: 'the server is at its concurrency limit',
    explanation: 'Requests beyond LNMT_MAX_CONCURRENCY are refused at once; repeat after the Retry-After header.',
  },
  LNMT8004: {
    status: 503,
    title: 'the server is not ready',
    explanation: 'It is still loading, replacing its model process, or draining. Repeat after the Retry-After header.',
  },
  LNMT8005: {
    status: 404,
    title: 'there is nothing at this path',
    explanation: 'The path or method is not one of the Open Inference Protocol.',
  },
  LNMT8006: {
    status: 400,
    title: 'the request cannot be read',
    explanation: 'The message names what is wrong with the HTTP request itself.',
  },
  LNMT8007: {
    status: 413,
    title: 'the request body is too large',
    explanation: 'Bodies beyond LNMT_MAX_REQUEST_BYTES are refused before they are read to the end.',
  },
  LNMT8008: {
    status: 415,
    title: 'the media type is not supported',
    explanation: 'Send JSON (`Content-Type: application/json`), not compressed.',
  },
  LNMT8009: {
    status: 431,
    title: 'too many or too long headers, or a too long URL',
    explanation: 'At most 100 headers, 16 KiB of headers and 4 KiB of URL are accepted.',
  },
  LNMT8010: {
    status: 500,
    title: 'the server failed',
    explanation: 'The cause stands in the server’s log under the request id of the answer.',
  },
  LNMT8011: {
    status: 400,
    title: 'the JSON body cannot be read',
    explanation: 'Bodies are UTF-8 JSON, nested at most 64 deep, without prototype keys.',
  },
} as const satisfies RequestErrorTable;

/** Codes of what keeps a server from starting; they appear on its standard error or in its log. */
export const START_ERRORS = {
  LNMT8101: {
    title: 'the configuration is wrong',
    explanation: 'Every fault is listed with the variable and what it takes. The server ends with code 2.',
  },
  LNMT8102: {
    title: 'the API-key file cannot be used',
    explanation:
      'It is a JSON document `{"keys": [{"id", "sha256", "scopes", "expires"?}]}` in the folder LNMT_API_KEYS_DIR. At start the server ends with code 2; later it keeps the last good keys.',
  },
} as const;

/** What a refused request may learn beyond its message. */
export interface RequestErrorOptions {
  /** Seconds after which a repetition makes sense; becomes the `Retry-After` header. */
  readonly retryAfter?: number;
  /** What went wrong inside; logged, never sent. */
  readonly cause?: unknown;
}

/** An answer other than success. Its message reaches the client: it holds no path, host or stack. */
export class RequestError extends Error {
  readonly status: number;
  readonly retryAfter: number | undefined;

  constructor(
    readonly code: string,
    definition: RequestErrorDefinition,
    message: string,
    options: RequestErrorOptions = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'RequestError';
    this.status = definition.status;
    this.retryAfter = options.retryAfter;
  }
}

function raise(code: keyof typeof SERVER_ERRORS, message: string, options?: RequestErrorOptions): RequestError {
  return new RequestError(code, SERVER_ERRORS[code], message, options);
}

/** 401: no key, an unknown one or an expired one; which of them is not said. */
export const unauthenticated = (): RequestError => raise('LNMT8001', 'a valid API key is needed');

/** 403: a known key without the scope. */
export const forbidden = (scope: string): RequestError => raise('LNMT8002', `the API key lacks the scope '${scope}'`);

/** 429: admission is full. */
export const tooBusy = (limit: number): RequestError =>
  raise('LNMT8003', `the limit of ${limit} concurrent requests is reached; repeat later`, { retryAfter: 1 });

/** 503: loading, recovering or draining. */
export const notReady = (state: string): RequestError =>
  raise('LNMT8004', `the server is ${state}; repeat later`, { retryAfter: 1 });

/** 404: no such route. */
export const notFound = (): RequestError => raise('LNMT8005', 'there is nothing at this path');

/** 400: the HTTP request itself is wrong. */
export const badRequest = (what: string): RequestError => raise('LNMT8006', what);

/** 413: the body exceeds its limit. */
export const bodyTooLarge = (limit: number): RequestError =>
  raise('LNMT8007', `the request body is larger than ${limit} bytes`);

/** 415: a body that is not plain JSON. */
export const unsupportedMediaType = (what: string): RequestError =>
  raise('LNMT8008', `${what} is not supported; send JSON, not compressed`);

/** 431: headers or URL exceed their limit. */
export const requestHeadTooLarge = (what: string): RequestError => raise('LNMT8009', what);

/** 500: a fault of ours; the cause is logged. */
export const internalError = (cause: unknown): RequestError => raise('LNMT8010', 'the server failed', { cause });

/** 400: a body that is not the JSON we accept. */
export const badJson = (what: string): RequestError => raise('LNMT8011', what);
