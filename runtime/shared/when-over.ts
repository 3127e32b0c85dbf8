import type { ServerResponse } from 'node:http';
import { finished } from 'node:stream';
import type { FastifyReply } from 'fastify';

/** Told once that a request is over: `gone` when its client left before the answer was out. */
export type OverListener = (gone: boolean) => void;

const listeners = new WeakMap<ServerResponse, OverListener[]>();

/**
 * Calls a listener when the answer is out or its client gone. One watch on the stream serves all listeners of a request:
 * each watch of its own would add half a dozen.
 */
export function whenOver(reply: FastifyReply, listener: OverListener): void {
  const known = listeners.get(reply.raw);
  if (known !== undefined) return void known.push(listener);
  const all = [listener];
  listeners.set(reply.raw, all);
  finished(reply.raw, (error) => {
    for (const each of all) each(error != null);
  });
}
