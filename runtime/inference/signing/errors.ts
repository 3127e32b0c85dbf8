import { ModelError } from '../errors';

/** The signature of a model is absent, not understood, or not one that is trusted. */
export const signatureRefused = (what: string, cause?: unknown): ModelError =>
  new ModelError('LNMT8312', what, false, cause);
