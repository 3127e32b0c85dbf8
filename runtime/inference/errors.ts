import { RequestError } from '../shared/errors';
import type { RequestErrorOptions, RequestErrorTable } from '../shared/errors';

/** Codes of inference requests. */
export const INFERENCE_ERRORS = {
  LNMT8201: {
    status: 400,
    title: 'the inference request is not well formed',
    explanation: 'The message names the member of the Open Inference Protocol request that is missing or wrong.',
  },
  LNMT8202: {
    status: 404,
    title: 'the model or version is not served here',
    explanation:
      '`POST /v2/repository/index` lists the models and versions that are served, `GET /v2/models/NAME` the versions of one.',
  },
  LNMT8203: {
    status: 400,
    title: 'the tensors do not fit the model',
    explanation: 'Names, datatypes and shapes are those of the model’s metadata; -1 there stands for any size.',
  },
  LNMT8204: {
    status: 422,
    title: 'the model refused the input',
    explanation: 'The tensors fit the signature, but running the graph on these values failed.',
  },
  LNMT8205: {
    status: 504,
    title: 'the model ran longer than allowed',
    explanation: 'A run beyond LNMT_RUN_TIMEOUT_SECONDS is ended together with its process, which is replaced.',
  },
  LNMT8206: {
    status: 503,
    title: 'the model process ended during the run',
    explanation: 'It is started again at once; the request may be repeated.',
  },
  LNMT8207: {
    status: 499,
    title: 'the client left before its answer',
    explanation: 'Nobody receives this; it is counted.',
  },
  LNMT8208: {
    status: 503,
    title: 'the model had no memory for the run',
    explanation:
      'Its process may take LNMT_HOST_MEMORY_BYTES, or its GPU is full; the server’s log says how much was asked for. Send fewer or smaller rows at once, repeat after the Retry-After header, or raise the limit.',
  },
  LNMT8209: {
    status: 413,
    title: 'the message would take too much memory once it is read',
    explanation:
      'Each element of typed contents and each entry of a list becomes a value many times as large as on the wire. Send large tensors in raw_input_contents, which are taken as they come.',
  },
  LNMT8210: {
    status: 422,
    title: 'the tensors of one run have too many bytes',
    explanation:
      'The inputs of a run, and its outputs, are passed to and from the process of the model in one piece of at most 2 GiB. Send fewer rows at once, or ask for fewer outputs.',
  },
  LNMT8215: {
    status: 413,
    title: 'the answer is too long as JSON',
    explanation:
      'Tensors of 256 MiB of text and more are given as bytes only: set the parameter `binary_data_output` of the request, or `binary_data` of the output, or ask for `raw` over GraphQL. Or send fewer rows at once. Embeddings are shorter as `base64`, and with fewer `dimensions`.',
  },
  LNMT8216: {
    status: 413,
    title: 'the answer is larger than a message over gRPC may be',
    explanation:
      'A message may have 64 MiB, or LNMT_MAX_REQUEST_BYTES where that is more. Ask for fewer outputs, send fewer rows at once, or ask over HTTP with `binary_data_output`; or raise the setting, and with it what clients may send.',
  },
  LNMT8220: {
    status: 504,
    title: 'the deadline of the request passed before its model ran',
    explanation:
      'The request said how long its answer is of use, and waited longer for its turn, or for its model to be loaded, which goes on for others. It never ran.',
  },
  LNMT8221: {
    status: 503,
    title: 'the queue of the model is full',
    explanation:
      'More than LNMT_MAX_QUEUE_SIZE requests wait for the model, or for it to be loaded; repeat after the Retry-After header.',
  },
} as const satisfies RequestErrorTable;

function raise(code: keyof typeof INFERENCE_ERRORS, message: string, options?: RequestErrorOptions): RequestError {
  return new RequestError(code, INFERENCE_ERRORS[code], message, options);
}

/** 400: a member of the request is missing or wrong. */
export const invalidRequest = (what: string): RequestError => raise('LNMT8201', what);

/** 404: another model or version. */
export const unknownModel = (): RequestError => raise('LNMT8202', 'the model or version is not served here');

/** 400: tensors that the signature does not admit. */
export const signatureMismatch = (what: string): RequestError => raise('LNMT8203', what);

/** 422: the run failed on these values. */
export const modelRefused = (cause: unknown): RequestError =>
  raise('LNMT8204', 'the model cannot be run on this input', { cause });

/** 504: the run was ended. */
export const runTimedOut = (seconds: number): RequestError =>
  raise('LNMT8205', `the model ran longer than ${seconds} s`, { retryAfter: 1 });

/** 503: the process of the model ended. */
export const modelProcessLost = (): RequestError =>
  raise('LNMT8206', 'the model process ended during the run; repeat later', { retryAfter: 1 });

/** 499: nobody waits any more. */
export const clientGone = (): RequestError => raise('LNMT8207', 'the client left');

/** The model lacked memory. It has no `cause`: that would stand in the log once for every request of a client. */
class OutOfMemory extends RequestError {
  constructor(
    /** For operators. */
    readonly reason: string,
  ) {
    const what = 'the model has no memory left for this input; send less at once or repeat later';
    super('LNMT8208', INFERENCE_ERRORS.LNMT8208, what, { retryAfter: 1 });
  }
}

/** 503: the run needed more memory than there is. @param reason for operators, without anything of the request */
export const modelOutOfMemory = (reason: string): RequestError => new OutOfMemory(reason);

/** 413: a message whose elements and entries are too many. */
export const tooManyElements = (limit: number): RequestError =>
  raise(
    'LNMT8209',
    `the elements and entries of the message would take more than ${limit} bytes; send large tensors in raw_input_contents`,
  );

/** 413: a message that takes too long to be read. @param what of the message there are more of than `most` */
export const tooManyValues = (what: string, most: number): RequestError =>
  raise('LNMT8209', `the message has more than ${most} ${what}; send large tensors in raw_input_contents`);

/** 422: inputs or outputs that cannot be passed to or from the process of the model. */
export const tensorsTooLarge = (which: 'inputs' | 'outputs', bytes: number, most: number): RequestError =>
  raise('LNMT8210', `the ${which} have ${bytes} bytes, and ${most} are possible; send less at once`);

/** 413: outputs that are as long in bytes as they may be, and longer as text. */
export const answerTooLong = (
  limit: number,
  remedy = 'set the parameter binary_data_output (over GraphQL ask for raw), or send fewer rows',
): RequestError => raise('LNMT8215', `the answer has more than ${limit} bytes as JSON; ${remedy}`);

/** 413: outputs that make a longer message than may be sent. */
export const messageTooLong = (bytes: number, most: number): RequestError =>
  raise(
    'LNMT8216',
    `the answer takes up to ${bytes} bytes as a message, and ${most} are possible; ask for fewer outputs, send fewer rows, or ask over HTTP`,
  );

/** 504: the request waited longer than its answer is of use. */
export const deadlinePassed = (): RequestError =>
  raise('LNMT8220', 'the deadline of the request passed before the model could run');

/** 503: too many wait for the model. */
export const queueFull = (limit: number): RequestError =>
  raise('LNMT8221', `the limit of ${limit} waiting requests is reached; repeat later`, { retryAfter: 1 });

const hasCode = (error: unknown, code: keyof typeof INFERENCE_ERRORS): boolean =>
  error instanceof RequestError && error.code === code;

/** True when the process ended during the run, through no known fault of the request. */
export const isHostLoss = (error: unknown): boolean => hasCode(error, 'LNMT8206');

/** True when the version that a request means is not served. */
export const isUnknownModel = (error: unknown): boolean => hasCode(error, 'LNMT8202');

/** True when the graph failed on the values of a request, or made more of them than can be answered. */
export const isRefusal = (error: unknown): boolean => hasCode(error, 'LNMT8204') || hasCode(error, 'LNMT8210');

/** True when the run needed more memory than there is. */
export const isOutOfMemory = (error: unknown): boolean => hasCode(error, 'LNMT8208');

/** What the model says of a run that failed, for operators; undefined where it says nothing. */
export function runReasonOf(error: unknown): string | undefined {
  if (error instanceof OutOfMemory) return error.reason;
  return isRefusal(error) && error instanceof Error && error.cause instanceof Error ? error.cause.message : undefined;
}

/** Codes of what keeps a model from being served; they appear in the server’s log. */
export const MODEL_ERRORS = {
  LNMT8301: {
    title: 'the model is not in the store',
    explanation:
      'A version exists once its manifest.json does. Push it with `lnmt model push NAME FILE`. A repository whose models are pinned has to hold one: a folder with a folder for each version and model.onnx in it or, under the name in LNMT_MODEL_REPOSITORY_MODEL, those folders alone or model.onnx itself.',
  },
  LNMT8302: {
    title: 'the manifest of the model is not valid',
    explanation: 'It lists plain relative paths with SHA-256 and size, model.onnx among them. Push the model again.',
  },
  LNMT8303: {
    title: 'a file of the model differs from its manifest',
    explanation: 'The file was changed or cut after it was pushed. It is never served; push the model again.',
  },
  LNMT8304: {
    title: 'the model store cannot be reached',
    explanation: 'Network, permissions or the store itself. The server tries again.',
  },
  LNMT8305: {
    title: 'the S3 client is not installed',
    explanation:
      'It is an optional dependency: `npm install @aws-sdk/client-s3` beside @lnmt/inference, or an image that was built with the feature s3 (`lnmt images build --features`).',
  },
  LNMT8306: {
    title: 'the model cannot be loaded',
    explanation:
      'onnxruntime refuses the file, the execution provider is absent, an input is not a tensor, or LNMT_HOST_MEMORY_BYTES is too small for it.',
  },
  LNMT8307: {
    title: 'the model does not answer as it should',
    explanation:
      'Before a model serves it is held to the answers in golden.json beside it, and to what its predecessor answered to recorded requests. The old one goes on serving.',
  },
  LNMT8308: {
    title: 'the model does not fit the cache on disk',
    explanation:
      'LNMT_MODEL_CACHE_BYTES is taken by models that are in use. Raise it (of an endpoint: modelCacheGiB, of which it is four fifths), or serve fewer models.',
  },
  LNMT8309: {
    title: 'the store cannot be listed',
    explanation: 'An HTTPS store has no folders: name the versions to serve, and push models with their manifest.json.',
  },
  LNMT8310: {
    title: 'the configuration of the model is not valid',
    explanation:
      'config.json or config.pbtxt beside the versions, or an alias that names a version which is not served. The message names the field.',
  },
  LNMT8311: {
    title: 'the client of the store is not installed',
    explanation:
      'Clients of object stores are optional packages: install the one that the message names beside @lnmt/inference, or build the image with the feature gcs or azure (`lnmt images build --features`).',
  },
  LNMT8312: {
    title: 'the signature of the model is not accepted',
    explanation:
      'The signature policy of the server wants models to be signed, as the OpenSSF model signing specification describes it, by a key, a certificate or an identity that it trusts, and every file to be as it was signed. Sign the folder of the version and push it again with model.sig beside the graph.',
  },
  LNMT8313: {
    title: 'the process of the model cannot be started',
    explanation:
      'The system refuses another process: its limit of open files, processes or memory is reached, or Node.js is not where it was. The server tries again with growing pauses, and the model is not ready meanwhile; others are served on.',
  },
  LNMT8314: {
    title: 'the files of the model are damaged on the disk of this server',
    explanation:
      'They were whole when they were fetched and differ from the manifest now: look after that disk. They are fetched anew; the message says what keeps the server from that. Until they are whole again nothing is loaded from them, and the server tries again with growing pauses.',
  },
  LNMT8319: {
    title: 'the model took longer to load than allowed',
    explanation:
      'Its process was ended after LNMT_LOAD_TIMEOUT_SECONDS. A graph that makes onnxruntime work without end, a disk that does not answer, or too few cores: raise the setting where the model needs that long.',
  },
  LNMT8341: {
    title: 'the traffic rule names a version that is not served',
    explanation:
      '`traffic` of the model splits requests between versions that `versions` chooses, or aliases of them. The message names the one that is missing; what was served before is served on.',
  },
  LNMT8371: {
    title: 'the drift baseline of the model is not valid',
    explanation:
      'baseline.json beside the model, as `lnmt model baseline` writes it. The message names the member; the version is not served, and the one before it goes on.',
  },
  LNMT8316: {
    title: 'a folder of the store holds too much',
    explanation:
      'Versions and models are found by listing folders, which may hold 10 000 entries in 200 answers at most. Part of a listing is never taken for all of it. Remove old versions, or give the server a folder of its own.',
  },
  LNMT8315: {
    title: 'the text files of the model are not valid',
    explanation:
      'tokenizer.json, tokenizer_config.json, config.json, generation_config.json, modules.json or what it names, or sentence_bert_config.json beside the model. The message names the file and what is wrong with it.',
  },
  LNMT8364: {
    title: 'the processing of the model is not valid',
    explanation:
      'The steps before and after a model stand under `processing` in its configuration. The message names the step and what does not fit: a member, a tensor that nobody gives or takes, a datatype, a shape or a plugin that this server does not have.',
  },
  LNMT8365: {
    title: 'the library for images is not installed',
    explanation:
      'A model has a step `image`, which needs the optional package sharp beside @lnmt/inference, or an image that was built with the feature pictures (`lnmt images build --features`).',
  },
} as const;

/** A model that cannot be served. For operators: the message may name paths. */
export class ModelError extends Error {
  constructor(
    readonly code: keyof typeof MODEL_ERRORS,
    /** What is wrong, without the code. */
    readonly what: string,
    /** True when a later try may succeed unchanged. */
    readonly retryable = false,
    cause?: unknown,
  ) {
    super(`${code}: ${MODEL_ERRORS[code].title}: ${what}`, { cause });
    this.name = 'ModelError';
  }
}

/** What a system is short of now and may have again later. */
const SHORTAGES: readonly unknown[] = ['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM'];

/** True for what the system refuses now and may grant later. */
export const isShortage = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && SHORTAGES.includes(error.code);

/** The process of a model could not be started. */
export const hostNotStarted = (cause: Error): ModelError =>
  new ModelError('LNMT8313', cause.message, isShortage(cause), cause);

/** Files of a model are not what they were, and could not be fetched anew. */
export function filesDamaged(cause: unknown): ModelError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ModelError('LNMT8314', why, cause instanceof ModelError && cause.retryable, cause);
}
