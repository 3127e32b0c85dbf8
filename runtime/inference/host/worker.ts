import net from 'node:net';
import { workerData } from 'node:worker_threads';
import { OnnxBackend } from '../backends/onnx';
import { GenerationHost } from '../generation/host';
import type { GenerationRequest } from '../generation/protocol';
import { encodeFrame, FrameReader } from './frames';
import type { Frame, WrittenHeader } from './frames';
import { measure } from './measure';
import { joinTensors } from './protocol';
import type { HostReply, HostRequest } from './protocol';
import { failedReply, resultReply } from './reply';
import type { Reply } from './reply';

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
let generation: GenerationHost | undefined;

async function answer(header: Exclude<HostRequest, GenerationRequest>, payload: Uint8Array): Promise<Reply> {
  if (header.type === 'load') {
    backend = new OnnxBackend(header.options);
    const signature = await backend.load(header.file);
    generation = new GenerationHost({ runner: backend, signature, send: (id, reply) => send(id, reply, []) });
    return { header: { type: 'loaded', signature }, parts: [] };
  }
  if (backend === undefined) throw new Error('asked before load; this is a bug');
  switch (header.type) {
    case 'measure':
      return { header: { type: 'measured', measured: await measure(backend, header.options) }, parts: [] };
    case 'run':
      return resultReply(await backend.run(joinTensors(header.inputs, payload), header.outputs));
  }
}

function send(id: number, header: HostReply | WrittenHeader, parts: readonly Uint8Array[]): void {
  socket.cork();
  for (const chunk of encodeFrame(id, header, parts)) socket.write(chunk);
  socket.uncork();
}

async function serve({ id, header, payload }: Frame): Promise<void> {
  const request = header as HostRequest;
  if (request.type === 'generate' || request.type === 'cancel') return generation?.receive(id, request, payload);
  const reply = await answer(request, payload).catch((error: unknown): Reply => {
    return { header: failedReply(error), parts: [] };
  });
  send(id, reply.header, reply.parts);
}

const { fd } = workerData as WorkerData;
const socket = new net.Socket({ fd });
const reader = new FrameReader(undefined, true);
let last = Promise.resolve();

socket.on('data', (chunk) => {
  for (const frame of reader.push(chunk)) last = last.then(() => serve(frame));
});
// The main thread sees its own socket close, and ends the process.
socket.on('error', () => undefined);
