import { MODEL_NAME_PATTERN } from '../contract';
import { notReady } from './errors';
import type { RequestError } from './errors';
import { Slots } from './slots';

/** What is said of a request that was cut. */
export interface CutRequest {
  readonly id: string;
  /** Pattern of its path, or its procedure. */
  readonly route: string;
  /** The model that it is about, where it is about one. */
  readonly model: string | undefined;
}

/** A request that is not answered yet. */
export interface OpenRequest {
  /** Asked only when it is cut. */
  about(): CutRequest;
  /** Answers it now, with this error. */
  cut(error: RequestError): void;
}

/** What clients invent as a name of a model is not repeated. */
function told({ id, route, model }: CutRequest): CutRequest {
  return { id, route, model: model !== undefined && MODEL_NAME_PATTERN.test(model) ? model : undefined };
}

/**
 * The requests that are not answered yet, over every transport, for who ends the server: streams that could go on for
 * ever end when no more requests are taken, and what is open when the time is over is answered, not dropped.
 */
export class OpenRequests {
  private readonly open = new Slots<OpenRequest>();
  private readonly streams = new Set<() => void>();
  private state: 'open' | 'closing' | 'cut' = 'open';

  /** Requests that are not answered yet. */
  get size(): number {
    return this.open.size;
  }

  /** Takes a request in. Call what it returns when the request is over. */
  add(request: OpenRequest): () => void {
    const id = this.open.add(request);
    return () => void this.open.delete(id);
  }

  /** The outcome of some work, or a rejection with 503 once it is cut. */
  follow<T>(about: CutRequest, work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const over = this.add({ about: () => about, cut: reject });
      work.finally(over).then(resolve, reject);
      if (this.state === 'cut') reject(notReady('draining'));
    });
  }

  /**
   * Takes in a stream on which any number of requests may come.
   *
   * @param end told once when it has to end, after the answers to what was asked on it
   * @returns to be called when it is over
   */
  addStream(end: () => void): () => void {
    if (this.state !== 'open') end();
    this.streams.add(end);
    return () => void this.streams.delete(end);
  }

  /** No more requests are taken: streams end when they have answered. */
  close(): void {
    if (this.state !== 'open') return;
    this.state = 'closing';
    for (const end of [...this.streams]) end();
  }

  /** Answers everything that is open with 503, and tells what it was. */
  cut(): readonly CutRequest[] {
    this.close();
    this.state = 'cut';
    const requests = this.open.entries().map(([, request]) => request);
    const cut = requests.map((request) => told(request.about()));
    for (const request of requests) request.cut(notReady('draining'));
    return cut;
  }
}
