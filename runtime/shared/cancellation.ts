/**
 * Tells work that nobody waits for it any more. Every `AbortSignal` is one. A signal is an event target that the engine
 * sets up in several steps, which is dear when each request has one and hardly any fires.
 */
export interface Cancellation {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** A cancellation that is made by hand. Listeners are called once at most, and never after {@link abort}. */
export class Canceller implements Cancellation {
  aborted = false;
  private listeners: (() => void)[] = [];

  addEventListener(_type: 'abort', listener: () => void): void {
    if (!this.aborted) this.listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const place = this.listeners.indexOf(listener);
    if (place >= 0) this.listeners.splice(place, 1);
  }

  /** Fires, the first time that it is called. */
  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    const listeners = this.listeners;
    this.listeners = [];
    for (const listener of listeners) listener();
  }
}

/** The same as a real signal, for what insists on one. */
export function signalOf(cancellation: Cancellation): AbortSignal {
  if (cancellation instanceof AbortSignal) return cancellation;
  if (cancellation.aborted) return AbortSignal.abort();
  const controller = new AbortController();
  cancellation.addEventListener('abort', () => controller.abort(), { once: true });
  return controller.signal;
}

/** The result of work, or an error as soon as nobody waits for it any more. The work itself goes on. */
export async function unlessAborted<T>(
  work: Promise<T>,
  signal: Cancellation | undefined,
  left: () => Error,
): Promise<T> {
  if (signal === undefined) return work;
  let leave = (): void => undefined;
  const gone = new Promise<never>((_resolve, reject) => {
    leave = () => reject(left());
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
  });
  try {
    return await Promise.race([work, gone]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
