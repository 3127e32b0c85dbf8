import net from 'node:net';
import { workerData } from 'node:worker_threads';
import { OnnxBackend } from '../backends/onnx';
import { encodeFrame, FrameReader } from './frames';
import type { Frame } from './frames';
import { measure } from './measure';
import { joinTensors, tensorHeads } from './protocol';
import type { HostReply, HostRequest } from './protocol';

/** What a worker is started with. */
export interface WorkerData {
  /** Descriptor of the socket that it serves. */
  readonly fd: number;
}

/**
 * A worker: it owns one session and the socket over which batches for it come, so that no other thread stands between
 * the front and the model. Its thread is blocked while the model runs.
 */
let backend: OnnxBackend | undefined;

interface Reply {
  readonly header: HostReply;
  readonly parts: readonly Uint8Array[];
}

async function answer(header: HostRequest, payload: Uint8Array): Promise<Reply> {
  const { id } = header;
  if (header.type === 'load') {
    backend = new OnnxBackend(header.options);
    return { header: { type: 'loaded', id, signature: await backend.load(header.file) }, parts: [] };
  }
  if (backend === undefined) throw new Error('asked before load; this is a bug');
  switch (header.type) {
    case 'measure':
      return { header: { type: 'measured', id, measured: await measure(backend, header.options) }, parts: [] };
    case 'run': {
      const outputs = await backend.run(joinTensors(header.inputs, payload), header.outputs);
      return { header: { type: 'result', id, outputs: tensorHeads(outputs) }, parts: outputs.map(({ data }) => data) };
    }
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

async function serve(socket: net.Socket, { header, payload }: Frame): Promise<void> {
  const request = header as HostRequest;
  const reply = await answer(request, payload).catch((error: unknown): Reply => {
    return { header: { type: 'failed', id: request.id, message: describe(error) }, parts: [] };
  });
  socket.cork();
  for (const chunk of encodeFrame(reply.header, reply.parts)) socket.write(chunk);
  socket.uncork();
}

const { fd } = workerData as WorkerData;
const socket = new net.Socket({ fd });
const reader = new FrameReader();
let last = Promise.resolve();

socket.on('data', (chunk) => {
  for (const frame of reader.push(chunk)) last = last.then(() => serve(socket, frame));
});
// The main thread sees its own socket close, and ends the process.
socket.on('error', () => undefined);
