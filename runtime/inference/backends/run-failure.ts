import type { RequestError } from '../../shared/errors';
import { modelOutOfMemory, modelRefused, tensorsTooLarge } from '../errors';
import { FRAME_LIMITS } from '../host/frames';
import type { FailedReply } from '../host/protocol';

/** What onnxruntime, its providers and Node.js say when memory is short. */
const MEMORY = /failed to allocate|bad[ _]alloc|alloc(?:ation)?[ _]failed|out of memory|available memory of/i;
const ASKED = /requested (?:buffer of size|bytes of) (\d+)/i;
/** Which operator and node of the graph failed; after it may stand anything. */
const NODE = /^Non-zero status code returned while running \S+ node\. Name:'[^']*' Status Message: /;
const HIDDEN = 'what it says is left out, as it may hold texts of the request';
const MOST = 400;

/** Numbers and quoted texts may be values of a request. */
const masked = (text: string): string =>
  text
    .replace(/(["'`])(?:(?!\1).)*\1/g, '$1…$1')
    .replace(/\d[\d.,:]*(?:e[+-]?\d+)?/gi, '#')
    .replace(/\s+/g, ' ');

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** True where memory was short. */
export const lacksMemory = (error: unknown): boolean => MEMORY.test(textOf(error));

/**
 * What went wrong in a run, without anything that may be a value of the request: which node failed, what onnxruntime says
 * of it with numbers and quoted texts masked, and how much memory it asked for.
 *
 * @param texts whether the request has texts, which onnxruntime may repeat unquoted
 */
export function reasonOf(error: unknown, texts: boolean): string {
  const text = textOf(error);
  const node = NODE.exec(text)?.[0] ?? '';
  const said = text.slice(node.length);
  const asked = ASKED.exec(text)?.[1];
  const size = asked === undefined ? '' : ` (${asked} bytes asked for)`;
  return `${node}${texts ? HIDDEN : masked(said)}`.slice(0, MOST) + size;
}

/** The error of a failed run. */
export function runFailure(error: unknown, texts: boolean): RequestError {
  const reason = reasonOf(error, texts);
  return lacksMemory(error) ? modelOutOfMemory(reason) : modelRefused(new Error(reason));
}

/** The error that the answer of a worker stands for. */
export function repliedFailure({ message, outOfMemory, bytes }: FailedReply): RequestError {
  if (bytes !== undefined) return tensorsTooLarge('outputs', bytes, FRAME_LIMITS.payload);
  return outOfMemory ? modelOutOfMemory(message) : modelRefused(new Error(message));
}
