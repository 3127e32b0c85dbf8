import path from 'node:path';
import { SHARED_BYTES } from '../../shared/body-bytes';
import { badJson, notReady, RequestError } from '../../shared/errors';
import { clientGone } from '../errors';
import { QuestionThread } from '../threads/question-thread';
import type { Unanswered } from '../threads/question-thread';
import type { Asker } from '../threads/turn-queue';
import type { DecodingQuestion, DecodingReply } from './decoding-worker';
import type { HttpInferenceRequest } from './request';

/** Bounds of a decoding thread. */
export interface DecodingOptions {
  /** Milliseconds that one body may take. @default 30000 */
  readonly deadlineMs?: number;
  /** Mebibytes of memory. @default 2048 */
  readonly memoryMb?: number;
}

/** JSON up to this many bytes is read where it arrives: flat lists of numbers take less time than to hand them over. */
export const INLINE_BYTES = 256 * 1024;
/** In any other form so many values take a millisecond, and up to fifty where those bytes are full of them. */
export const INLINE_VALUES = { values: 4_096, numbers: 8_192 } as const;

const LIMITS = { deadlineMs: 30_000, memoryMb: 2_048 } as const;
const WORKER = path.join(__dirname, 'decoding-worker');

const REFUSALS: Readonly<Record<Unanswered, () => Error>> = {
  closed: () => notReady('ending'),
  slow: () => badJson('the body takes too long to read'),
  large: () => badJson('the body takes too much memory to read'),
  left: clientGone,
};

/** Bytes that may be moved to another thread: a long body is the only view of its memory, beside a short one others lie. */
function movable(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = body;
  const isAlone = buffer instanceof ArrayBuffer && byteLength > SHARED_BYTES;
  return isAlone ? new Uint8Array(buffer, byteOffset, byteLength) : Uint8Array.from(body);
}

/**
 * Reads long requests in a thread: millions of numbers take a second, in which whoever owns the sockets would answer
 * nobody.
 */
export class DecodingThread {
  private readonly thread: QuestionThread<DecodingQuestion, DecodingReply>;

  constructor(options: DecodingOptions = {}) {
    this.thread = new QuestionThread({
      ...{ ...LIMITS, ...options },
      worker: WORKER,
      refusal: (why) => REFUSALS[why](),
    });
  }

  /** Reads a body, which is gone for the caller. @throws RequestError */
  async decode(body: Uint8Array, headerLength: string | undefined, asker?: Asker): Promise<HttpInferenceRequest> {
    const question = { body: movable(body), headerLength };
    const transfer = [question.body.buffer];
    const reply = await this.thread.ask({ question, cost: body.byteLength, transfer }, asker);
    if ('request' in reply) return reply.request;
    const { code, status, message } = reply;
    throw new RequestError(code, { status, title: message, explanation: '' }, message);
  }

  /** Ends the thread; what waits is refused. */
  close(): Promise<void> {
    return this.thread.close();
  }
}
