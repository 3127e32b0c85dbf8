import net from 'node:net';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { EXIT_CODES } from '../../contract';
import { encodeFrame, FrameReader } from './frames';
import type { HostReply, HostRequest } from './protocol';
import type { WorkerMessage } from './worker';

/**
 * The model host: a process whose main thread passes frames between the socket that it inherits and a worker thread
 * that runs the model. It never runs a model itself, so it sees the socket close, and ends, even during a run.
 */
const SOCKET_FD = 3;

// `process.exit` would wait for the worker, which may be inside a run that never returns.
const end = (): void => void process.kill(process.pid, 'SIGKILL');

// The terminal signals the whole process group; the front decides when its host ends.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);

const socket = new net.Socket({ fd: SOCKET_FD });
// Required through an eval'd line, so that whatever loader this process was started with serves the worker too.
const worker = new Worker(`require(${JSON.stringify(path.join(__dirname, 'worker'))})`, { eval: true });
const reader = new FrameReader();

socket.on('data', (chunk) => {
  for (const { header, payload } of reader.push(chunk)) {
    const message: WorkerMessage<HostRequest> = { header: header as HostRequest, parts: [payload] };
    worker.postMessage(message, [payload.buffer as ArrayBuffer]);
  }
});
socket.on('close', end);
socket.on('error', end);

worker.on('message', ({ header, parts }: WorkerMessage<HostReply>) => {
  socket.cork();
  for (const chunk of encodeFrame(header, parts)) socket.write(chunk);
  socket.uncork();
});
worker.on('error', (error) => {
  process.stderr.write(`model host: ${error.message}\n`);
  process.exitCode = EXIT_CODES.failure;
  end();
});
