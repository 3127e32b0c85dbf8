import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { internalError } from '../../shared/errors';
import type { RequestError } from '../../shared/errors';
import { Inflation } from './inflation';
import { Intake } from './intake';
import type { IntakeLimits } from './intake';
import { libraryCall } from './library-call';

/** Bytes of the largest message of a procedure that is open to anyone, compressed or not: they name a service at most. */
export const PUBLIC_MESSAGE_BYTES = 4_096;

/** What comes of one call, held to its limits. */
export class Incoming {
  private readonly intake: Intake | undefined;
  private readonly inflation: Inflation | undefined;

  /**
   * @param many whether the call is a stream of requests
   * @param refuse ends the call
   */
  constructor(
    call: ServerInterceptingCallInterface,
    limits: IntakeLimits,
    many: boolean,
    refuse: (error: RequestError) => void,
  ) {
    const library = libraryCall(call);
    if (library === undefined) {
      // Answered without its limits a call would be open to what they are for.
      refuse(internalError(new Error('this version of @grpc/grpc-js does not show what comes of a call')));
      return;
    }
    this.inflation = new Inflation(library, limits.messageBytes, refuse);
    this.intake = new Intake(library.stream, limits, many, refuse);
  }

  /** A message went on to those who asked for it. */
  handedOn(): void {
    this.inflation?.handedOn();
  }

  /** The call has its status. */
  answered(): void {
    this.intake?.answered();
  }
}
