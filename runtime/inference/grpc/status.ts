import { Metadata, status } from '@grpc/grpc-js';
import type { StatusObject } from '@grpc/grpc-js';
import { ERROR_CODE_HEADER } from '../../shared/error-plugin';
import type { RequestError } from '../../shared/errors';

const BY_HTTP: Readonly<Record<number, status>> = {
  400: status.INVALID_ARGUMENT,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.NOT_FOUND,
  408: status.DEADLINE_EXCEEDED,
  409: status.FAILED_PRECONDITION,
  413: status.RESOURCE_EXHAUSTED,
  415: status.INVALID_ARGUMENT,
  422: status.INVALID_ARGUMENT,
  429: status.RESOURCE_EXHAUSTED,
  431: status.RESOURCE_EXHAUSTED,
  499: status.CANCELLED,
  500: status.INTERNAL,
  501: status.UNIMPLEMENTED,
  502: status.UNAVAILABLE,
  503: status.UNAVAILABLE,
  504: status.DEADLINE_EXCEEDED,
  508: status.FAILED_PRECONDITION,
};

const TO_HTTP: Readonly<Partial<Record<status, number>>> = {
  [status.OK]: 200,
  [status.CANCELLED]: 499,
  [status.INVALID_ARGUMENT]: 400,
  [status.UNIMPLEMENTED]: 501,
  [status.DEADLINE_EXCEEDED]: 499,
  // The library says so of messages beyond their limit; all other limits are errors of ours.
  [status.RESOURCE_EXHAUSTED]: 413,
};

/** The status of a call that ended without an error of ours, as HTTP has it. */
export function httpStatusOf(code: status): number {
  return TO_HTTP[code] ?? 500;
}

/** The status of a failed call: message, and code and time to repeat in the trailers. */
export function statusOf(error: RequestError): StatusObject {
  const metadata = new Metadata();
  metadata.set(ERROR_CODE_HEADER, error.code);
  if (error.retryAfter !== undefined) metadata.set('retry-after', String(error.retryAfter));
  return { code: BY_HTTP[error.status] ?? status.UNKNOWN, details: error.message, metadata };
}
