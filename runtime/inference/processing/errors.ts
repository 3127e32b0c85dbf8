import { RequestError } from '../../shared/errors';
import type { RequestErrorOptions, RequestErrorTable } from '../../shared/errors';
import { ModelError } from '../errors';

/** Codes of what the steps around a model and the declared bounds of its inputs refuse. */
export const PROCESSING_ERRORS = {
  LNMT8441: {
    status: 400,
    title: 'a value is outside the range of its input',
    explanation:
      'The model declares a smallest and a largest value. The message names the input and the first element.',
  },
  LNMT8442: {
    status: 400,
    title: 'a value is none of those that its input takes',
    explanation: 'The model declares the values of the input. The message names the input and the first other element.',
  },
  LNMT8443: {
    status: 400,
    title: 'an input holds NaN or infinity',
    explanation:
      'The model, or LNMT_NON_FINITE_INPUTS for all of them, refuses values that are no finite numbers. Where they stand for what is missing, declare `nonFinite: allow`.',
  },
  LNMT8444: {
    status: 400,
    title: 'a text is longer than its input takes',
    explanation: 'The model declares how many bytes of UTF-8 a text may have.',
  },
  LNMT8445: {
    status: 400,
    title: 'a text does not become tokens that the model takes',
    explanation:
      'It has no tokens or too many. Without an attention mask nothing can be padded: then all texts of a request have the same number of tokens.',
  },
  LNMT8446: {
    status: 400,
    title: 'an image cannot be decoded',
    explanation: 'Send the bytes of a JPEG, PNG or WebP file, or its Base64 text, in a form that the model allows.',
  },
  LNMT8447: {
    status: 413,
    title: 'an image is too large',
    explanation: 'It is refused by its bytes, or by the pixels that its header states, before it is decoded.',
  },
  LNMT8448: {
    status: 422,
    title: 'a step refuses the input',
    explanation: 'The plugin that a step belongs to cannot work with these values.',
  },
  LNMT8449: {
    status: 500,
    title: 'a step failed',
    explanation: 'The step around the model raised an error. The server’s log has it under the request id.',
  },
  LNMT8450: {
    status: 504,
    title: 'a step took longer than allowed',
    explanation: 'A step beyond LNMT_PROCESSING_TIMEOUT_SECONDS is ended together with its process, which is replaced.',
  },
  LNMT8451: {
    status: 503,
    title: 'the process of a step cannot answer',
    explanation: 'It ended during the step, is being replaced, or too many wait for it. The request may be repeated.',
  },
  LNMT8452: {
    status: 500,
    title: 'a step gave another answer than it promises',
    explanation: 'Names, datatypes and shapes of a plugin’s answer are held to its plugin.json.',
  },
} as const satisfies RequestErrorTable;

type Code = keyof typeof PROCESSING_ERRORS;

function raise(code: Code, message: string, options?: RequestErrorOptions): RequestError {
  return new RequestError(code, PROCESSING_ERRORS[code], message, options);
}

const element = (input: string, index: number): string => `input ${JSON.stringify(input)}: element ${index}`;

/** 400: below the smallest or above the largest value. The value is not repeated. */
export const outOfRange = (input: string, index: number, least: string, most: string): RequestError =>
  raise('LNMT8441', `${element(input, index)} is not from ${least} to ${most}`);

/** 400: none of the declared values. */
export const notListed = (input: string, index: number): RequestError =>
  raise('LNMT8442', `${element(input, index)} is none of the values that the model takes`);

/** 400: NaN or infinity. */
export const nonFinite = (input: string, index: number): RequestError =>
  raise('LNMT8443', `${element(input, index)} is not a finite number`);

/** 400: a text of too many bytes. */
export const textTooLong = (input: string, index: number, most: number): RequestError =>
  raise('LNMT8444', `${element(input, index)} has more than ${most} bytes`);

/** 400: tokens that the model does not take. */
export const tokensRefused = (input: string, index: number, what: string): RequestError =>
  raise('LNMT8445', `${element(input, index)} ${what}`);

/** 400: not an image of an allowed form. */
export const imageRefused = (input: string, index: number, what: string): RequestError =>
  raise('LNMT8446', `${element(input, index)} ${what}`);

/** 413: an image of too many bytes or pixels. */
export const imageTooLarge = (input: string, index: number, what: string): RequestError =>
  raise('LNMT8447', `${element(input, index)} has more than ${what}`);

/** 422: a plugin cannot work with the input. */
export const stepRefused = (step: string): RequestError =>
  raise('LNMT8448', `the step ${JSON.stringify(step)} refuses the input`);

/** 500: a step raised an error, which is logged and not sent. */
export const stepFailed = (step: string, cause: unknown): RequestError =>
  raise('LNMT8449', `the step ${JSON.stringify(step)} failed`, { cause });

/** 504: a step was ended. */
export const stepTimedOut = (step: string, seconds: number): RequestError =>
  raise('LNMT8450', `the step ${JSON.stringify(step)} took longer than ${seconds} s`, { retryAfter: 1 });

/** 503: the process of a step is gone, or has too much to do. */
export const stepUnavailable = (step: string, why: string): RequestError =>
  raise('LNMT8451', `the step ${JSON.stringify(step)} cannot be taken: ${why}; repeat later`, { retryAfter: 1 });

/** 500: an answer that the manifest does not admit. */
export const wrongAnswer = (step: string, what: string): RequestError =>
  raise('LNMT8452', `the step ${JSON.stringify(step)} gave another answer than it promises`, {
    cause: new Error(what),
  });

/** True for a refusal of one of these codes. */
export const isProcessingRefusal = (error: unknown): error is RequestError =>
  error instanceof RequestError && Object.hasOwn(PROCESSING_ERRORS, error.code);

/** What is wrong with the processing of a model; it is not loaded. */
export const invalidProcessing = (what: string): ModelError => new ModelError('LNMT8364', what);

/** Codes of plugins that keep a server from starting; they appear in its log. */
export const PLUGIN_ERRORS = {
  LNMT8361: {
    title: 'the plugin is not on the allow-list',
    explanation:
      'Only plugins whose digest stands in LNMT_PLUGINS_ALLOW or LNMT_PLUGINS_ALLOW_FILE run, with no more than the capabilities that stand beside it. The message has the digest of what was found; allow it once its files were read.',
  },
  LNMT8362: {
    title: 'the plugin is not valid',
    explanation:
      'A plugin is a folder of plain files with a plugin.json: name, version, entry, steps with their tensors, capabilities. The message says what is wrong.',
  },
  LNMT8363: {
    title: 'the plugin cannot be started',
    explanation: 'Its entry raised an error, does not export its steps, or did not answer in time in its own process.',
  },
  LNMT8366: {
    title: 'the allow-list of plugins is not valid',
    explanation: 'Each entry is a SHA-256 in lower-case hexadecimal, with capabilities after it: `DIGEST+network`.',
  },
} as const;

/** A plugin that keeps the server from starting. For operators: the message may name paths. */
export class PluginError extends Error {
  constructor(
    readonly code: keyof typeof PLUGIN_ERRORS,
    what: string,
    cause?: unknown,
  ) {
    super(`${code}: ${PLUGIN_ERRORS[code].title}: ${what}`, { cause });
    this.name = 'PluginError';
  }
}
