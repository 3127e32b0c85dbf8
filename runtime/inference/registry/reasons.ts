import { RequestError } from '../../shared/errors';
import { ModelError, MODEL_ERRORS } from '../errors';
import { INSPECTOR_ERRORS, InspectionError } from '../inspector';

/** What may be said of a failure to whoever may read: code and title, never a path. */
export function reasonOf(error: unknown): string {
  if (error instanceof ModelError) return `${error.code}: ${MODEL_ERRORS[error.code].title}`;
  if (error instanceof InspectionError) return `${error.code}: ${INSPECTOR_ERRORS[error.code].title}`;
  return error instanceof RequestError ? error.message : 'an internal error';
}

/** True when what arrived is at fault, and would be on any other day. */
export function isUnfit(error: unknown): boolean {
  if (error instanceof InspectionError) return true;
  return error instanceof ModelError && (error.code === 'LNMT8307' || error.code === 'LNMT8312');
}
