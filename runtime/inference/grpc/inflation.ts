import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import type { ZlibOptions } from 'node:zlib';
import { mostExpanded, MAX_RATIO } from '../../shared/decompression';
import { bodyTooLarge, expandsTooMuch } from '../../shared/errors';
import type { RequestError } from '../../shared/errors';
import { invalidRequest } from '../errors';
import type { LibraryCall } from './library-call';

type Inflate = (bytes: Buffer, options: ZlibOptions) => Promise<Buffer>;

const FORMS: Readonly<Record<string, Inflate>> = { gzip: promisify(gunzip), deflate: promisify(inflate) };
const HEAD_BYTES = 5;

function faultOf(error: unknown, most: number, messageBytes: number): RequestError {
  const isTooLong = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
  if (!isTooLong) return invalidRequest('the message cannot be decompressed');
  return most === messageBytes ? bodyTooLarge(messageBytes) : expandsTooMuch(MAX_RATIO);
}

/**
 * Takes the compression off the messages of one call, within the ratio that bodies of HTTP have, and one after another: the
 * library would inflate all that came in one piece at the same time, to its limit each.
 */
export class Inflation {
  private begun = 0;
  private handed = 0;
  private readonly waiting = new Map<number, () => void>();

  /**
   * @param messageBytes of the largest message
   * @param refuse ends the call
   */
  constructor(
    call: LibraryCall,
    private readonly messageBytes: number,
    private readonly refuse: (error: RequestError) => void,
  ) {
    const plain = call.decompressMessage.bind(call);
    call.decompressMessage = (message, encoding) => {
      const turn = this.begun;
      this.begun += 1;
      const form = Object.hasOwn(FORMS, encoding) ? FORMS[encoding] : undefined;
      return form === undefined ? plain(message, encoding) : this.inflated(form, message.subarray(HEAD_BYTES), turn);
    };
  }

  /** A message went on to those who asked for it. */
  handedOn(): void {
    this.handed += 1;
    this.waiting.get(this.handed)?.();
    this.waiting.delete(this.handed);
  }

  private async inflated(form: Inflate, bytes: Buffer, turn: number): Promise<Buffer> {
    if (turn > this.handed) await new Promise<void>((resolve) => this.waiting.set(turn, resolve));
    const most = Math.min(this.messageBytes, mostExpanded(bytes.length));
    try {
      return await form(bytes, { maxOutputLength: most });
    } catch (thrown) {
      const error = faultOf(thrown, most, this.messageBytes);
      this.refuse(error);
      // The library would end the call with it, which has ended.
      throw error;
    }
  }
}
