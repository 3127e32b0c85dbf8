import type { TransferListItem } from 'node:worker_threads';
import { toRequestError } from '../../shared/error-plugin';
import { answerQuestions } from '../threads/answer-questions';
import { decodeRequest } from './request';
import type { HttpInferenceRequest } from './request';

/** A body to be read. */
export interface DecodingQuestion {
  readonly body: Uint8Array;
  readonly headerLength: string | undefined;
}

/** The request, or why it is none. */
export type DecodingReply =
  | { readonly request: HttpInferenceRequest }
  | { readonly code: string; readonly status: number; readonly message: string };

function answer({ body, headerLength }: DecodingQuestion): DecodingReply {
  try {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    return { request: decodeRequest(bytes, headerLength) };
  } catch (thrown) {
    const { code, status, message } = toRequestError(thrown, 0);
    return { code, status, message };
  }
}

/** Buffers that go over without a copy, each once: binary tensors are views of one body. */
function buffersOf(reply: DecodingReply): TransferListItem[] {
  if (!('request' in reply)) return [];
  const buffers = new Set(reply.request.inputs.map(({ data }) => data.buffer));
  return [...buffers].filter((buffer): buffer is ArrayBuffer => buffer instanceof ArrayBuffer);
}

answerQuestions(answer, buffersOf);
