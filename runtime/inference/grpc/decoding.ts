import type { ServiceDefinition } from '@grpc/grpc-js';
import { RequestError } from '../../shared/errors';
import { invalidRequest } from '../errors';
import { REQUESTS } from './wire-shapes';
import { decodedBytes } from './wire-walk';

/** How many times the largest message the values of a message may take beside it. */
const VALUES_PER_MESSAGE = 4;

/** A message that is not read. The library has one answer to a reader that throws, which says nothing, so none throws. */
export class RefusedMessage {
  constructor(readonly error: RequestError) {}
}

const sizes = new WeakMap<object, number>();

/** Bytes that a message of a stream takes, the values of a request included; 0 for any other message. */
export const sizeOf = (message: object): number => sizes.get(message) ?? 0;

type Method = ServiceDefinition[string];

function readerOf(name: string, method: Method, limit: number): (bytes: Buffer) => object {
  const shape = REQUESTS[name];
  if (shape === undefined) throw new Error(`the request of ${name} has no shape; this is a bug`);
  return (bytes) => {
    try {
      const cost = decodedBytes(bytes, shape, limit);
      const request = method.requestDeserialize(bytes) as object;
      if (method.requestStream) sizes.set(request, bytes.length + cost);
      return request;
    } catch (thrown) {
      // What the library throws is of the message too, and tells of its own inside.
      return new RefusedMessage(thrown instanceof RequestError ? thrown : invalidRequest('the message cannot be read'));
    }
  };
}

function writerOf({ responseSerialize, requestStream }: Method): Method['responseSerialize'] {
  if (!requestStream) return responseSerialize;
  return (answer: object) => {
    const bytes = responseSerialize(answer);
    sizes.set(answer, bytes.length);
    return bytes;
  };
}

/**
 * The same service, whose requests are looked through before they are read: one that is no request, or would take too much
 * memory, is a {@link RefusedMessage}. The sizes of the messages of streams are known to {@link sizeOf}.
 *
 * @param messageBytes of the largest message
 */
export function guarded(service: ServiceDefinition, messageBytes: number): ServiceDefinition {
  const limit = VALUES_PER_MESSAGE * messageBytes;
  const methods = Object.entries(service).map(([name, method]): [string, Method] => {
    const requestDeserialize = readerOf(name, method, limit);
    return [name, { ...method, requestDeserialize, responseSerialize: writerOf(method) }];
  });
  return Object.fromEntries<Method>(methods);
}
