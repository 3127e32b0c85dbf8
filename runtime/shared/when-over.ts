import type { FastifyReply } from 'fastify';

/** Told once that a request is over: `gone` when its client left before the answer was out. */
export type OverListener = (gone: boolean) => void;

const LISTENERS = Symbol('listeners');

type Watched = FastifyReply['raw'] & { [LISTENERS]?: OverListener[] };

/**
 * Calls a listener when the answer is out or its client gone. One watch on the answer serves all listeners of a request;
 * `stream.finished` would be the general way and costs a dozen listeners more, on every request.
 */
export function whenOver({ raw }: FastifyReply, listener: OverListener): void {
  const watched: Watched = raw;
  if (watched[LISTENERS] !== undefined) return void watched[LISTENERS].push(listener);
  const all = (watched[LISTENERS] = [listener]);
  let told = false;
  const over = (gone: boolean): void => {
    if (told) return;
    told = true;
    for (const each of all) each(gone);
  };
  raw.once('finish', () => over(false));
  raw.once('close', () => over(!raw.writableFinished));
}
