import { RequestError } from '../../shared/errors';
import type { RequestErrorOptions, RequestErrorTable } from '../../shared/errors';

/** Bytes of events that a client may leave unread. What surrounds each of them in memory takes up to as much again. */
export const UNREAD_BYTES = 2 * 2 ** 20;

/** Codes of requests that carry text. */
export const TEXT_ERRORS = {
  LNMT8241: {
    status: 400,
    title: 'a parameter of the request is missing or wrong',
    explanation: 'The message names the parameter of the OpenAI-compatible request and what it may be.',
  },
  LNMT8242: {
    status: 400,
    title: 'a parameter of the request is not supported',
    explanation:
      'What would change the answer and is not done here is refused, never ignored: tools, several choices, images, audio, response formats.',
  },
  LNMT8243: {
    status: 400,
    title: 'the text is longer than the model takes',
    explanation:
      'Prompt and answer together fit the context of the model. Shorten the text, or ask for fewer tokens; config.json beside the model may state `max_length`, and `truncate` for embeddings.',
  },
  LNMT8244: {
    status: 400,
    title: 'a message holds a control token of the model',
    explanation:
      'Control tokens separate the parts of a conversation. In the text of a message they would let its author speak in the name of others.',
  },
  LNMT8245: {
    status: 422,
    title: 'the text cannot be processed',
    explanation: 'The tokenizer or the chat template took too long or too much memory for it. Shorten the text.',
  },
  LNMT8246: {
    status: 429,
    title: 'the KV cache is full',
    explanation:
      'Each answer reserves what its longest form takes of LNMT_KV_CACHE_BYTES. Repeat after the Retry-After header, or ask for fewer tokens.',
  },
  LNMT8247: {
    status: 400,
    title: 'the model does not do this',
    explanation:
      'A model with a tokenizer is for embeddings, or for completions and, with a chat template, chat: `task` in its `config.json` says which. Ask another model.',
  },
  LNMT8248: {
    status: 400,
    title: 'the chat template refuses the messages',
    explanation: 'Many templates take user and assistant in turn, and a system message only at the start.',
  },
  LNMT8249: {
    status: 400,
    title: 'the answer would take more KV cache than there is',
    explanation:
      'Prompt and longest answer together exceed LNMT_KV_CACHE_BYTES, whatever else is going on. Ask for fewer tokens, or raise the setting.',
  },
  LNMT8250: {
    status: 499,
    title: 'the client reads its stream too slowly',
    explanation: `Beyond ${UNREAD_BYTES / 2 ** 20} MiB of unread events the answer is given up and the connection closed.`,
  },
} as const satisfies RequestErrorTable;

/** An error that names the parameter it is about. */
export class ParameterError extends RequestError {
  declare readonly code: keyof typeof TEXT_ERRORS;

  constructor(
    code: keyof typeof TEXT_ERRORS,
    message: string,
    /** Name of the parameter, with the places inside it. */
    readonly param: string,
  ) {
    super(code, TEXT_ERRORS[code], message);
  }

  /** The same for callers who know the parameter by another name. */
  renamed(name: string): ParameterError {
    const { code, message, param } = this;
    return new ParameterError(code, message.startsWith(param) ? name + message.slice(param.length) : message, name);
  }
}

function raise(code: keyof typeof TEXT_ERRORS, message: string, options?: RequestErrorOptions): RequestError {
  return new RequestError(code, TEXT_ERRORS[code], message, options);
}

/** 400: a parameter that is not what it may be. */
export const invalidParameter = (param: string, what: string): ParameterError =>
  new ParameterError('LNMT8241', `${param}: ${what}`, param);

/** 400: a parameter that would change the answer and is not done here. */
export const unsupportedParameter = (param: string, what = 'is not supported'): ParameterError =>
  new ParameterError('LNMT8242', `${param} ${what}`, param);

/** 400: more tokens than the model takes. */
export const tooManyTokens = (param: string, what: string): ParameterError =>
  new ParameterError('LNMT8243', `${param}: ${what}`, param);

/** 400: a control token where only text may be. */
export const controlToken = (param: string): ParameterError =>
  new ParameterError('LNMT8244', `${param} holds a control token of the model`, param);

/** 422: the text side took too long or died of it. */
export const textFailed = (why: string): RequestError => raise('LNMT8245', `the text cannot be processed: ${why}`);

/** 429: others hold the KV cache. */
export const cacheFull = (): RequestError =>
  raise('LNMT8246', 'the KV cache is full; repeat later, or ask for fewer tokens', { retryAfter: 1 });

/** 400: another task. */
export const otherTask = (task: string): ParameterError =>
  new ParameterError('LNMT8247', `the model does not do ${task}`, 'model');

/** 400: the template raised an exception. */
export const templateRefused = (what: string): ParameterError =>
  new ParameterError('LNMT8248', `the chat template refuses the messages: ${what}`, 'messages');

/** 400: one answer alone is too large. */
export const largerThanCache = (needed: number, limit: number): ParameterError =>
  new ParameterError(
    'LNMT8249',
    `max_tokens: prompt and answer may take ${needed} bytes of KV cache; there are ${limit}; ask for fewer tokens`,
    'max_tokens',
  );

/** 499: unread events pile up. */
export const slowReader = (): RequestError => raise('LNMT8250', 'the client reads its stream too slowly');
