import { setImmediate } from 'node:timers/promises';
import type { Cancellation } from '../../shared/cancellation';
import { answerTooLong, clientGone } from '../errors';
import { MAX_TEXT_BYTES } from './text';

/** Characters that are gathered before they become bytes, and the event loop turns: some milliseconds of work. */
const SLICE = 2 ** 16;

/** Who waits for a text, and what its client may do where it is too long. */
export interface TextWish {
  readonly signal: Pick<Cancellation, 'aborted'>;
  /** @default - how to ask for tensors as bytes */
  readonly remedy?: string;
}

/**
 * Writes a text whose parts are made as they are asked for; the event loop turns between slices of it.
 *
 * @returns its bytes in slices
 * @throws RequestError (413) where it is too long, and 499 when the client left meanwhile
 */
export async function writeParts(
  parts: Iterable<string | Uint8Array>,
  { signal, remedy }: TextWish,
): Promise<readonly Uint8Array[]> {
  const slices: Uint8Array[] = [];
  let bytes = 0;
  let text = '';
  let turned = 0;
  const take = (slice: Uint8Array): void => {
    bytes += slice.length;
    if (bytes > MAX_TEXT_BYTES) throw answerTooLong(MAX_TEXT_BYTES, remedy);
    slices.push(slice);
  };
  const takeText = (): void => {
    if (text !== '') take(Buffer.from(text));
    text = '';
  };
  for (const part of parts) {
    if (typeof part === 'string') {
      text += part;
    } else {
      takeText();
      take(part);
    }
    if (bytes - turned + text.length < SLICE) continue;
    takeText();
    turned = bytes;
    await setImmediate();
    if (signal.aborted) throw clientGone();
  }
  takeText();
  return slices;
}
