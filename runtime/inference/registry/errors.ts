import { RequestError } from '../../shared/errors';
import type { RequestErrorOptions, RequestErrorTable } from '../../shared/errors';

/** Codes of requests that concern models as a whole. */
export const REGISTRY_ERRORS = {
  LNMT8211: {
    status: 503,
    title: 'the model is not loaded yet',
    explanation:
      'It is being fetched or loaded, or its process is being replaced. Repeat after the Retry-After header; `POST /v2/repository/index` tells the state of every model.',
  },
  LNMT8212: {
    status: 503,
    title: 'the model does not fit the memory budget now',
    explanation:
      'LNMT_MODEL_MEMORY_BYTES is taken by models that are pinned or at work. Raise it, pin fewer models, or repeat later. A new version is loaded beside the one that it replaces, which serves until then: where both do not fit, unload that one first.',
  },
  LNMT8213: {
    status: 409,
    title: 'the model is pinned and cannot be unloaded',
    explanation:
      'A pinned model stays in memory as long as the server runs. Where it has to be unloaded on request, state `eager` or `lazy`: as `load` in its entry of LNMT_MODELS_FILE, or in LNMT_MODEL_LOADING for a repository. The model of LNMT_MODEL_NAME is always pinned.',
  },
  LNMT8214: {
    status: 400,
    title: 'the model cannot be loaded',
    explanation:
      'The message holds the code of the cause, which `lnmt explain` describes; the server’s log holds the details. What was served before is served on.',
  },
} as const satisfies RequestErrorTable;

function raise(code: keyof typeof REGISTRY_ERRORS, message: string, options?: RequestErrorOptions): RequestError {
  return new RequestError(code, REGISTRY_ERRORS[code], message, options);
}

/** 503: fetched or loaded right now. */
export const notLoaded = (): RequestError =>
  raise('LNMT8211', 'the model is not loaded yet; repeat later', { retryAfter: 1 });

/** 503: other models hold the memory. */
export const noMemory = (needed: number, budget: number): RequestError =>
  raise('LNMT8212', `the model needs about ${needed} bytes of the budget of ${budget}; repeat later`, {
    retryAfter: 5,
  });

/** 503: a model does not fit beside the one that it is to replace, which serves until then. */
export const noMemoryBeside = (needed: number, replaced: number, budget: number): RequestError => {
  const what = `the model needs about ${needed} bytes beside the ${replaced} of the one that it replaces`;
  return raise('LNMT8212', `${what}, of the budget of ${budget}; unload that one first, or raise the budget`, {
    retryAfter: 5,
  });
};

/** 409: a model that stays in memory was to be unloaded. */
export const modelPinned = (): RequestError =>
  raise('LNMT8213', 'the model is pinned: it stays in memory as long as the server runs');

/** 400: loading failed; the details stay in the log. */
export const loadFailed = (reason: string, cause: unknown): RequestError =>
  raise('LNMT8214', `the model cannot be loaded: ${reason}`, { cause });
