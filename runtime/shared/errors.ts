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
    title: 'the request carries no valid credential',
    explanation:
      'Send an API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`, or a token as `Authorization: Bearer TOKEN`, where the server accepts them. What has expired counts as none.',
  },
  LNMT8002: {
    status: 403,
    title: 'the caller lacks a scope',
    explanation:
      'Each operation needs one scope (infer, read or manage). Add it to the entry of the key file, or let the issuer put it into the token.',
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
    explanation:
      'Bodies beyond LNMT_MAX_REQUEST_BYTES are refused before they are read to the end. Over gRPC a message may have 64 MiB, or as much as that setting says where it says more; 4 KiB where nobody has to say who they are.',
  },
  LNMT8008: {
    status: 415,
    title: 'the media type is not supported',
    explanation:
      'Send JSON (`Content-Type: application/json`), plain or with `Content-Encoding: gzip` or `deflate`, once.',
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
    explanation:
      'Bodies are UTF-8 JSON, nested at most 64 deep, without prototype keys and numbers of more than 1 100 characters.',
  },
  LNMT8012: {
    status: 429,
    title: 'the caller is over its limit',
    explanation:
      'Each caller has a rate, a number of requests at a time and perhaps a number per day. Repeat after the Retry-After header, or raise the limit in the settings or in the entry of the key file.',
  },
  LNMT8013: {
    status: 503,
    title: 'tokens cannot be verified at the moment',
    explanation:
      'The keys of the issuer cannot be fetched from LNMT_JWT_JWKS_URI. Egress to that host is needed; the server tries again.',
  },
  LNMT8014: {
    status: 405,
    title: 'the method is not allowed on this path',
    explanation: 'The Allow header of the answer names the methods that are.',
  },
  LNMT8015: {
    status: 413,
    title: 'the body grows too much when it is decompressed',
    explanation: 'A compressed body may become at most 20 times as long. Send it plain.',
  },
  LNMT8016: {
    status: 403,
    title: 'the policy does not allow it',
    explanation: 'The Cedar policies of LNMT_POLICY_FILE forbid this operation to this caller, or none permits it.',
  },
  LNMT8019: {
    status: 408,
    title: 'the request did not arrive in time',
    explanation:
      'A message over gRPC has 30 seconds from its first byte to its last, and a call with one message as long from its headers to its end. Send less at once, or over a faster connection.',
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
      'It is a JSON document `{"keys": [{"id", "sha256", "scopes", "expires"?, "limits"?}]}` in the folder LNMT_API_KEYS_DIR; expires is an ISO 8601 time with a zone, and other members are refused. At start the server ends with code 2; later it keeps the last good keys.',
  },
  LNMT8103: {
    title: 'an optional package is not installed',
    explanation:
      'The message names the package and the setting that asks for it. Install it beside the server, or build the image with `lnmt images build --features` and every feature that its settings need: for an endpoint an annotation of its Deployment lists them.',
  },
  LNMT8104: {
    title: 'the policy file cannot be used',
    explanation: 'It holds Cedar policies. The message says where it is wrong; the server ends with code 2.',
  },
  LNMT8105: {
    title: 'the audit log cannot be used',
    explanation:
      'The file cannot be written, or what it holds does not form a chain that follows the file before it. It is never repaired: move it away and keep it.',
  },
  LNMT8106: {
    title: 'a route or procedure has no entry in the operation table',
    explanation:
      'Everything that a server answers has a row that states its permission. A server that would answer anything else does not start.',
  },
  LNMT8107: {
    title: 'the TLS files cannot be used',
    explanation: 'Certificate chain, private key and client authorities are PEM files that the server may read.',
  },
  LNMT8108: {
    title: 'the GraphQL schema and the operation table differ',
    explanation:
      'Every field that is an operation has a row in the table, which states its permission, and every field of a row is in the schema.',
  },
  LNMT8112: {
    title: 'the keys that models are signed with cannot be used',
    explanation:
      'Public keys on the curves P-256, P-384 and P-521, or certificates of authorities, in PEM files that the server may read; or a trusted root of Sigstore with an authority, a log of certificates and a transparency log.',
  },
  LNMT8461: {
    title: 'the key of the payload log cannot be used',
    explanation:
      'Pseudonyms and hashes in the log are made with the content of LNMT_PAYLOAD_LOG_KEY_FILE, 16 to 4096 bytes, as `openssl rand -out FILE 32` makes them.',
  },
  LNMT8462: {
    title: 'the payload log cannot be written',
    explanation:
      'LNMT_PAYLOAD_LOG_FILE is a file in a folder that is there and that the server may write. Later faults of the disk drop records and keep the server.',
  },
  LNMT8113: {
    title: 'a credential for another server cannot be used',
    explanation:
      'LNMT_UPSTREAM_KEY_FILE and LNMT_TELEMETRY_TOKEN_FILE are files that the server may read, with one line of 1 to 4096 printable characters without blanks.',
  },
  LNMT8114: {
    title: 'the TLS files for another server cannot be used',
    explanation:
      'Authorities, certificate chain and private key for the upstream server or the collector are PEM files that the server may read.',
  },
  LNMT8115: {
    title: 'the folder for telemetry cannot be used',
    explanation: 'LNMT_TELEMETRY_DIR is a folder, or can be made one, that this server alone reads and writes.',
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

/** 401: no credential, an unknown one or an expired one; which of them is not said. */
export const unauthenticated = (): RequestError => raise('LNMT8001', 'a valid API key or token is needed');

/** 403: a known caller without the scope. */
export const forbidden = (scope: string): RequestError => raise('LNMT8002', `the caller lacks the scope '${scope}'`);

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

/** 415: a body in a form that is not read. */
export const unsupportedMediaType = (what: string, instead: string): RequestError =>
  raise('LNMT8008', `${what} is not supported; send ${instead}`);

/** 431: headers or URL exceed their limit. */
export const requestHeadTooLarge = (what: string): RequestError => raise('LNMT8009', what);

/** 500: a fault of ours; the cause is logged. */
export const internalError = (cause: unknown): RequestError => raise('LNMT8010', 'the server failed', { cause });

/** 400: a body that is not the JSON we accept. */
export const badJson = (what: string): RequestError => raise('LNMT8011', what);

/** Code of {@link overLimit}, which tells it from a server that is full. */
export const OVER_LIMIT = 'LNMT8012';

/** 429: one caller asks too much; `what` says of which. */
export const overLimit = (what: string, retryAfter: number): RequestError =>
  raise(OVER_LIMIT, `${what}; repeat later`, { retryAfter });

/** 503: the keys of the issuer are out of reach. */
export const issuerUnavailable = (cause: unknown): RequestError =>
  raise('LNMT8013', 'tokens cannot be verified at the moment; repeat later', { retryAfter: 5, cause });

/** 405: the path exists, the method on it does not. */
export const methodNotAllowed = (): RequestError => raise('LNMT8014', 'the method is not allowed on this path');

/** 413: a compressed body that grows beyond the ratio. */
export const expandsTooMuch = (ratio: number): RequestError =>
  raise('LNMT8015', `the body grows to more than ${ratio} times its length when it is decompressed`);

/** 403: the policy says no. */
export const policyDenied = (): RequestError => raise('LNMT8016', 'the policy does not allow this');

/** 408: the rest of a message does not come. */
export const tooSlow = (seconds: number): RequestError =>
  raise('LNMT8019', `the request did not arrive within ${seconds} s`);

/** What was thrown, as an answer that may leave the process. */
export function asRequestError(thrown: unknown): RequestError {
  return thrown instanceof RequestError ? thrown : internalError(thrown);
}

/** What keeps a server from starting. For operators: the message may name paths. */
export class StartError extends Error {
  constructor(
    readonly code: keyof typeof START_ERRORS,
    what: string,
    cause?: unknown,
  ) {
    super(`${code}: ${START_ERRORS[code].title}: ${what}`, { cause });
    this.name = 'StartError';
  }
}
