import { HEADERS } from '../../contract';
import { Canceller } from '../../shared/cancellation';
import type { Cancellation } from '../../shared/cancellation';
import { deadlinePassed, invalidRequest } from '../errors';

const MILLISECONDS = /^\d{1,9}$/;

/** Milliseconds that a header grants, or a body: the sooner of both. @throws RequestError for what is no time */
export function timeoutOf(text: string | undefined, inBody?: number): number | undefined {
  if (text === undefined) return inBody;
  if (!MILLISECONDS.test(text)) throw invalidRequest(`the header ${HEADERS.requestTimeout} is not in milliseconds`);
  return Math.min(Number(text), inBody ?? Number.POSITIVE_INFINITY);
}

/** Work that is of use for some time only, and while its client is there. */
export class Due {
  private readonly canceller = new Canceller();
  private readonly timer: NodeJS.Timeout | undefined;
  private late = false;

  /** @param timeoutMs @default - as long as the client is there */
  constructor(
    private readonly client: Cancellation,
    timeoutMs: number | undefined,
  ) {
    if (client.aborted) this.canceller.abort();
    client.addEventListener('abort', this.left, { once: true });
    if (timeoutMs !== undefined) {
      this.timer = setTimeout(() => {
        this.late = true;
        this.canceller.abort();
      }, timeoutMs);
    }
  }

  /** Fires when the client leaves, or the time is over. */
  get signal(): Cancellation {
    return this.canceller;
  }

  /** Does the work. @throws RequestError LNMT8220 when the time is over before it is */
  async within<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      this.check();
      return result;
    } catch (error) {
      this.check();
      throw error;
    } finally {
      clearTimeout(this.timer);
      this.client.removeEventListener('abort', this.left);
    }
  }

  /** The same pieces; what ends early because the time is over is no end. @throws RequestError LNMT8220 */
  async *pieces<T>(pieces: AsyncIterable<T>): AsyncGenerator<T, void> {
    yield* pieces;
    this.check();
  }

  private readonly left = (): void => this.canceller.abort();

  private check(): void {
    if (this.late) throw deadlinePassed();
  }
}
