import { RequestError } from '../../shared/errors';
import type { RequestErrorOptions, RequestErrorTable } from '../../shared/errors';

/** Codes of requests that a pipeline answers. */
export const PIPELINE_ERRORS = {
  LNMT8421: {
    status: 503,
    title: 'a step of the pipeline failed',
    explanation:
      'The message names the step and the code of its own failure, which `lnmt explain` describes. The status of the answer is that of the failure.',
  },
  LNMT8422: {
    status: 504,
    title: 'the time of the request passed inside the pipeline',
    explanation:
      'The sooner of what the request says and `timeoutMs` of the pipeline. What still waited was taken out of its queue.',
  },
  LNMT8423: {
    status: 504,
    title: 'a step of the pipeline took longer than it may',
    explanation: '`timeoutMs` of the step that the message names, all its tries together.',
  },
  LNMT8424: {
    status: 422,
    title: 'no branch of the switch takes the request',
    explanation: 'No condition of its branches holds, and it has no `default`.',
  },
  LNMT8425: {
    status: 503,
    title: 'the pipeline is not ready',
    explanation:
      'One of its models is not ready, or has changed so that the pipeline does not fit any more. `POST /v2/repository/index` tells the reason.',
  },
  LNMT8426: {
    status: 422,
    title: 'the answers of the ensemble cannot be combined',
    explanation: 'For mean and vote every branch has to give tensors of one shape for this request.',
  },
  LNMT8427: {
    status: 503,
    title: 'an output is missing because a soft step failed',
    explanation: 'Outputs of soft steps are left out where the step fails; a request that names one needs it.',
  },
  LNMT8428: {
    status: 422,
    title: 'the tensors inside the pipeline are too large',
    explanation: 'All tensors that the nodes of one request give hold at most 512 MiB together.',
  },
  LNMT8429: {
    status: 500,
    title: 'a model gave other tensors than it says',
    explanation: 'An output that the metadata of the model promises is missing or has another datatype.',
  },
} as const satisfies RequestErrorTable;

type Code = keyof typeof PIPELINE_ERRORS;

function raise(code: Code, message: string, options?: RequestErrorOptions): RequestError {
  return new RequestError(code, PIPELINE_ERRORS[code], message, options);
}

const isCode = (code: string): code is Code => Object.hasOwn(PIPELINE_ERRORS, code);

/** True for an error that names its step already, or that is not of a step. */
export const isOfPipeline = (error: unknown): boolean => error instanceof RequestError && isCode(error.code);

/** A step failed: with the status and the code of its own failure. */
export function stepFailed(step: string, cause: unknown): RequestError {
  if (!(cause instanceof RequestError)) {
    const definition = { ...PIPELINE_ERRORS.LNMT8421, status: 500 };
    return new RequestError('LNMT8421', definition, `step ${JSON.stringify(step)}: the server failed`, { cause });
  }
  const { status, retryAfter, code, message } = cause;
  return new RequestError(
    'LNMT8421',
    { ...PIPELINE_ERRORS.LNMT8421, status },
    `step ${JSON.stringify(step)}: ${code}: ${message}`,
    {
      ...(retryAfter === undefined ? {} : { retryAfter }),
      ...(cause.cause === undefined ? {} : { cause: cause.cause }),
    },
  );
}

/** 504: the whole took too long. */
export const pipelineLate = (ms: number): RequestError =>
  raise('LNMT8422', `the request was not answered within ${Math.round(ms)} ms`);

/** 504: one step took too long. */
export const stepLate = (step: string, ms: number): RequestError =>
  raise('LNMT8423', `step ${JSON.stringify(step)} took longer than ${ms} ms`, { retryAfter: 1 });

/** 422: nothing fits. */
export const noBranch = (node: string): RequestError =>
  raise('LNMT8424', `no branch of the switch ${JSON.stringify(node)} takes the request`);

/** 503: a model is not ready, or does not fit. */
export const pipelineNotReady = (reason: string): RequestError =>
  raise('LNMT8425', `the pipeline is not ready: ${reason}`, { retryAfter: 1 });

/** 422: shapes differ. */
export const cannotCombine = (node: string, tensor: string, what: string): RequestError =>
  raise('LNMT8426', `ensemble ${JSON.stringify(node)}: tensor ${JSON.stringify(tensor)}: ${what}`);

/** 503: a wanted output is not there. */
export const outputMissing = (tensor: string): RequestError =>
  raise('LNMT8427', `output ${JSON.stringify(tensor)} is missing because a soft step failed`, { retryAfter: 1 });

/** 422: too many bytes between nodes. */
export const tooManyBytes = (limit: number): RequestError =>
  raise('LNMT8428', `the tensors inside the pipeline are larger than ${limit} bytes`);

/** 500: a model breaks its word. */
export const brokenPromise = (step: string, tensor: string): RequestError =>
  raise('LNMT8429', `step ${JSON.stringify(step)} gave no tensor ${JSON.stringify(tensor)} as its metadata says`);
