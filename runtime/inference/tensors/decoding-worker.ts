import { parentPort } from 'node:worker_threads';
import type { TransferListItem } from 'node:worker_threads';
import { toRequestError } from '../../shared/error-plugin';
import { decodeRequest } from './request';
import type { HttpInferenceRequest } from './request';

/** A body to be read. */
export interface DecodingQuestion {
  readonly id: number;
  readonly body: Uint8Array;
  readonly headerLength: string | undefined;
}

/** The request, or why it is none. */
export type DecodingReply =
  | { readonly id: number; readonly request: HttpInferenceRequest }
  | { readonly id: number; readonly code: string; readonly status: number; readonly message: string };

function answer({ id, body, headerLength }: DecodingQuestion): DecodingReply {
  try {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    return { id, request: decodeRequest(bytes, headerLength) };
  } catch (thrown) {
    const { code, status, message } = toRequestError(thrown, 0);
    return { id, code, status, message };
  }
}

/** Buffers that go over without a copy, each once: binary tensors are views of one body. */
function buffersOf(reply: DecodingReply): TransferListItem[] {
  if (!('request' in reply)) return [];
  const buffers = new Set(reply.request.inputs.map(({ data }) => data.buffer));
  return [...buffers].filter((buffer): buffer is ArrayBuffer => buffer instanceof ArrayBuffer);
}

parentPort?.on('message', (question: DecodingQuestion) => {
  const reply = answer(question);
  parentPort?.postMessage(reply, buffersOf(reply));
});
