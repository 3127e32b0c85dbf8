import type { ServiceDefinition } from '@grpc/grpc-js';
import type { ModelInferRequest } from './messages';

/** What one stream may hold: requests that were read, until their clients have taken the answers. */
export const STREAM_LIMITS = {
  /** Requests that are answered at the same time, and answers that are not taken. */
  inFlight: 8,
  /** Bytes with which no further request is read. One that is larger goes alone. */
  bytes: 2 * 2 ** 20,
} as const;

/** Bytes of an element outside raw contents: integers of 64 bits are objects. */
const ELEMENT_BYTES = 40;

const sizes = new WeakMap<object, number>();

/** Bytes that a message takes; 0 for one of a procedure that is no stream. */
export const sizeOf = (message: object): number => sizes.get(message) ?? 0;

const elementsOf = ({ inputs }: ModelInferRequest): number =>
  inputs.reduce((sum, { contents }) => {
    const lists: readonly (readonly unknown[])[] = Object.values(contents ?? {});
    return sum + lists.reduce((all, list) => all + list.length, 0);
  }, 0);

/** The same service, with the sizes of the messages in its streams of requests known to {@link sizeOf}. */
export function sized(service: ServiceDefinition): ServiceDefinition {
  const methods = Object.entries(service).map(([name, method]): [string, ServiceDefinition[string]] => {
    if (!method.requestStream) return [name, method];
    const requestDeserialize = (bytes: Buffer): ModelInferRequest => {
      const request = method.requestDeserialize(bytes) as ModelInferRequest;
      sizes.set(request, bytes.length + ELEMENT_BYTES * elementsOf(request));
      return request;
    };
    const responseSerialize = (answer: object): Buffer => {
      const bytes = method.responseSerialize(answer);
      sizes.set(answer, bytes.length);
      return bytes;
    };
    return [name, { ...method, requestDeserialize, responseSerialize }];
  });
  return Object.fromEntries<ServiceDefinition[string]>(methods);
}

/**
 * Room of one stream, in which each request has one answer, in their order. A request takes of it from when it is read until
 * its answer is taken, and as much as the largest answer so far: what the answers to come will be nobody knows.
 */
export class StreamRoom {
  private readonly requests: number[] = [];
  private largest = 0;
  private waiting: (() => void) | undefined;

  /** Reads the next request, now or when there is room for it. */
  read(start: () => void): void {
    if (this.hasRoom) start();
    else this.waiting = start;
  }

  /** A request was read. */
  came(bytes: number): void {
    this.requests.push(bytes);
  }

  /** An answer is on its way. */
  sent(bytes: number): void {
    this.largest = Math.max(this.largest, bytes);
  }

  /** The answer to the oldest request is taken. */
  taken(): void {
    this.requests.shift();
    const start = this.waiting;
    if (start === undefined || !this.hasRoom) return;
    this.waiting = undefined;
    start();
  }

  private get hasRoom(): boolean {
    const held = this.requests.reduce((sum, bytes) => sum + Math.max(bytes, this.largest), 0);
    return this.requests.length < STREAM_LIMITS.inFlight && held < STREAM_LIMITS.bytes;
  }
}
