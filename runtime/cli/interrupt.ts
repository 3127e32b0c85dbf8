import { Interrupted } from './failure';
import type { Io } from './io';

/**
 * Does work that an interrupt ends: `signal` is aborted, for what has to be cleaned up at once, and nobody waits for the
 * rest.
 *
 * @throws Interrupted
 */
export async function untilInterrupted<T>(
  { onInterrupt }: Pick<Io, 'onInterrupt'>,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ending = new AbortController();
  let stopListening = (): void => undefined;
  const interruption = new Promise<never>((_resolve, reject) => {
    stopListening = onInterrupt(() => {
      ending.abort();
      reject(new Interrupted());
    });
  });
  try {
    return await Promise.race([work(ending.signal), interruption]);
  } finally {
    stopListening();
  }
}
