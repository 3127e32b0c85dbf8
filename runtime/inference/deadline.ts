import { deadlinePassed } from './errors';

/**
 * The deadline of what may take so long: milliseconds on the clock of the process (`performance.now()`), which is what
 * everything goes by once a request is read. Time that any part takes is gone for all parts after it.
 *
 * @param timeoutMs @default - there is no deadline
 * @param from when its time began. @default - now
 */
export const deadlineOf = (timeoutMs: number | undefined, from = performance.now()): number | undefined =>
  timeoutMs === undefined ? undefined : from + timeoutMs;

/** Ends what nobody waits for any more. @throws RequestError LNMT8220 after the deadline, if there is one */
export function checkDeadline(deadline: number | undefined, now = performance.now()): void {
  if (deadline !== undefined && now >= deadline) throw deadlinePassed();
}
