import type { TRITON_REASONS } from '../../contract';

/** Why a request was not answered, in the words of Triton. */
export type FailureReason = (typeof TRITON_REASONS)[number];

/** How a request ended. */
export type Outcome = 'SUCCESS' | FailureReason;

/** Errors whose status says less than their code: what the model did, and what was refused before it ran. */
const BY_CODE: Readonly<Record<string, Outcome>> = {
  LNMT8204: 'BACKEND',
  LNMT8205: 'BACKEND',
  LNMT8206: 'BACKEND',
  LNMT8208: 'BACKEND',
  LNMT8220: 'REJECTED',
};

const BY_STATUS: Readonly<Record<number, Outcome>> = {
  422: 'BACKEND',
  429: 'REJECTED',
  499: 'CANCELED',
  500: 'BACKEND',
  503: 'REJECTED',
  504: 'BACKEND',
};

/** How a request ended. @param code stable code of its error, where it has one */
export function outcomeOf(status: number, code: string | undefined): Outcome {
  // A client that left is no failure of the model, whatever was on its way to it.
  if (status === 499) return 'CANCELED';
  const byCode = code === undefined ? undefined : BY_CODE[code];
  if (byCode !== undefined) return byCode;
  return status < 400 ? 'SUCCESS' : (BY_STATUS[status] ?? 'OTHER');
}
