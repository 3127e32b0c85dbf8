import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Cancellation } from '../../shared/cancellation';
import { clientGone } from '../errors';

/** Most elements, and bytes of them, that are worked on at once where others wait: some milliseconds of work. */
export const SLICE = { count: 8192, bytes: 2 ** 18 } as const;

/** Elements to work on: how many, and the bytes of all tensors that have them. */
export type Extent = { readonly [K in keyof typeof SLICE]: number };

/**
 * Works on elements from the first to the last, in slices between which the event loop turns.
 *
 * @param signal ends the work between two slices. @default - it goes on to the last
 * @throws RequestError 499 when it was ended
 */
export async function inSlices(
  { count, bytes }: Extent,
  work: (from: number, to: number) => void,
  signal?: Pick<Cancellation, 'aborted'>,
): Promise<void> {
  const fitting = Math.floor((count * SLICE.bytes) / Math.max(1, bytes));
  const size = Math.max(1, Math.min(SLICE.count, fitting));
  for (let from = 0; from < count; from += size) {
    if (from > 0) await nextTurn();
    if (signal?.aborted === true) throw clientGone();
    work(from, Math.min(count, from + size));
  }
}
