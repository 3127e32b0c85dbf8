import type { Cancellation } from '../shared/cancellation';
import { timerMs } from '../shared/timers';
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

/** How long somebody waits. */
export interface Patience {
  /** Fires when the client leaves. */
  readonly signal: Cancellation;
  /** Milliseconds on the clock of whoever it waits for, at which its answer is of no use any more. @default - never */
  readonly deadline?: number | undefined;
}

/** Why somebody waits no longer. */
export type Impatience = 'left' | 'expired';

/** Waits for work that others wait for, too, as long as there is patience; tells why when that ends first. */
export function patiently<T>(
  work: Promise<T>,
  { signal, deadline }: Patience,
  now: () => number,
): Promise<T | Impatience> {
  if (signal.aborted) return Promise.resolve('left');
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const leave = (): void => end('left');
    const over = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
    };
    const end = (why: Impatience): void => {
      over();
      resolve(why);
    };
    if (deadline !== undefined) timer = setTimeout(() => end('expired'), timerMs(deadline - now()));
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(over);
  });
}
