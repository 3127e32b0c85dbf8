import type { RequestError } from '../../shared/errors';
import { ParameterError } from '../text/errors';

/** The body of an error as the clients of OpenAI read it. */
export interface OpenAiError {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
  };
}

const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
};

/** An error in the form of this API. */
export function openAiError(error: RequestError): OpenAiError {
  const type = TYPES[error.status] ?? (error.status >= 500 ? 'server_error' : 'invalid_request_error');
  const param = error instanceof ParameterError ? error.param : null;
  return { error: { message: error.message, type, param, code: error.code } };
}
