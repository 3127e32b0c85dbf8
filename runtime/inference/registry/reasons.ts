import { RequestError } from '../../shared/errors';
import { ModelError, MODEL_ERRORS } from '../errors';
import { INSPECTOR_ERRORS, InspectionError } from '../inspector';

/** What may be said of a failure to whoever may read: code and title, never a path. */
export function reasonOf(error: unknown): string {
  if (error instanceof ModelError) return `${error.code}: ${MODEL_ERRORS[error.code].title}`;
  if (error instanceof InspectionError) return `${error.code}: ${INSPECTOR_ERRORS[error.code].title}`;
  return error instanceof RequestError ? error.message : 'an internal error';
}

/** Time or memory ran out: no word on the content. */
const isUndecided = (error: unknown): boolean => error instanceof InspectionError && error.code === 'LNMT8327';

/** What came is no manifest, file or configuration of a model, or came from elsewhere: a page to sign in at, say. */
const STRANGE: ReadonlySet<unknown> = new Set(['LNMT8302', 'LNMT8303', 'LNMT8304', 'LNMT8310']);
const isStrange = (error: unknown): boolean => error instanceof ModelError && STRANGE.has(error.code);

/** True when what arrived is at fault, and would be on any other day. */
export function isUnfit(error: unknown): boolean {
  if (error instanceof InspectionError) return !isUndecided(error);
  return error instanceof ModelError && (error.code === 'LNMT8307' || error.code === 'LNMT8312');
}

/** True when the last good content serves until something else is there. */
export const isReplaceable = (error: unknown): boolean => isUnfit(error) || isUndecided(error) || isStrange(error);

/** True when what its repository has later may be another thing: this server lacks nothing. */
export const isAwaited = (error: unknown): boolean =>
  isReplaceable(error) || (error instanceof ModelError && error.code === 'LNMT8301');
