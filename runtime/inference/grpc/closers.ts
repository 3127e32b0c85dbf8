import { status } from '@grpc/grpc-js';
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';

/** Told the status of a call when it is over. */
export type Closer = (code: status) => void;

/** What is to be done when a call is over. */
export class Closers {
  private readonly waiting: Closer[] = [];
  private isOver = false;

  /** At once where its client left meanwhile: what was taken for it since is given back. */
  push(closer: Closer): void {
    if (this.isOver) closer(status.CANCELLED);
    else this.waiting.push(closer);
  }

  /** The call is over. */
  close(code: status): void {
    this.isOver = true;
    this.waiting.splice(0).forEach((closer) => closer(code));
  }
}

/** Tells of every status, also of those that the library makes by itself: a message beyond its limit, a deadline. */
export function overhear(call: ServerInterceptingCallInterface, told: Closer): void {
  const send = call.sendStatus.bind(call);
  call.sendStatus = (answer) => {
    told(answer.code ?? status.UNKNOWN);
    send(answer);
  };
}
