import net from 'node:net';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { EXIT_CODES } from '../../contract';
import { FrameReader } from './frames';
import { HOST_FDS } from './protocol';
import type { ControlRequest } from './protocol';
import type { WorkerData } from './worker';

/**
 * The model host: a process whose main thread starts workers, each with a model and a socket of its own. It never runs
 * a model itself, so it sees its control socket close, and ends, even while every worker is inside a run.
 */

// `process.exit` would wait for the workers, which may be inside a run that never returns.
const end = (): void => void process.kill(process.pid, 'SIGKILL');

// The terminal signals the whole process group; the front decides when its host ends.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);

const WORKER = path.join(__dirname, 'worker');
/** Of the code that a worker makes. Unasked, each has a range of 512 MiB, which counts as data from Node.js 24 on. */
const CODE_MIB = 16;

function start(place: number): void {
  const data: WorkerData = { fd: HOST_FDS.firstWorker + place };
  // Required through an eval'd line, so that whatever loader this process was started with serves the worker too.
  const worker = new Worker(`require(${JSON.stringify(WORKER)})`, {
    eval: true,
    workerData: data,
    resourceLimits: { codeRangeSizeMb: CODE_MIB },
  });
  worker.on('error', (error) => {
    process.stderr.write(`model host: ${error.message}\n`);
    process.exitCode = EXIT_CODES.failure;
    end();
  });
}

const control = new net.Socket({ fd: HOST_FDS.control });
const reader = new FrameReader();

control.on('data', (chunk) => {
  for (const { header } of reader.push(chunk)) start((header as ControlRequest).worker);
});
control.on('close', end);
control.on('error', end);
