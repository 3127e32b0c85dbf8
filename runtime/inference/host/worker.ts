import { parentPort } from 'node:worker_threads';
import type { Backend } from '../backends/backend';
import { OnnxBackend } from '../backends/onnx';
import { joinTensors, tensorHeads } from './protocol';
import type { HostReply, HostRequest } from './protocol';

/** What the thread that owns the socket passes to the thread that runs the model, and back. */
export interface WorkerMessage<H> {
  readonly header: H;
  readonly parts: readonly Uint8Array[];
}

let backend: Backend | undefined;

async function answer({ header, parts }: WorkerMessage<HostRequest>): Promise<WorkerMessage<HostReply>> {
  const { id } = header;
  if (header.type === 'load') {
    backend = new OnnxBackend(header.options);
    return { header: { type: 'loaded', id, signature: await backend.load(header.file) }, parts: [] };
  }
  if (backend === undefined) throw new Error('run before load');
  const inputs = joinTensors(header.inputs, parts[0] ?? new Uint8Array());
  const outputs = await backend.run(inputs, header.outputs);
  const reply: HostReply = { type: 'result', id, outputs: tensorHeads(outputs) };
  return { header: reply, parts: outputs.map(({ data }) => data) };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

parentPort?.on('message', (message: WorkerMessage<HostRequest>) => {
  answer(message)
    .catch((error: unknown): WorkerMessage<HostReply> => {
      return { header: { type: 'failed', id: message.header.id, message: describe(error) }, parts: [] };
    })
    .then((reply) => parentPort?.postMessage(reply))
    .catch(() => process.exit(1));
});
