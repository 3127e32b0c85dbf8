import type { FastifyReply } from 'fastify';
import { Canceller } from '../../shared/cancellation';
import type { Cancellation } from '../../shared/cancellation';
import { whenOver } from '../../shared/when-over';

/** Fires when the client leaves before its answer. */
export function departure(reply: FastifyReply): Cancellation {
  const canceller = new Canceller();
  whenOver(reply, (gone) => {
    if (gone) canceller.abort();
  });
  return canceller;
}
