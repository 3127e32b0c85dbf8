import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { HostBackend } from '../../../runtime/inference/backends/host-backend';
import { hostCommand } from '../../../runtime/inference/host/command';
import { HostProcess } from '../../../runtime/inference/host/process';
import { StepWorkers } from '../../../runtime/inference/processing/children/workers';

/**
 * Run under a limit of open files, with the file of a model: takes every descriptor that is left, kills the model's host
 * and a process of steps, gives the descriptors back, and tells as one line of JSON what became of it all.
 */

/** Answers every frame as a process of steps that is ready. */
const STEPS = `
  const net = require('node:net');
  const work = new net.Socket({ fd: 4 });
  work.on('data', (frame) => {
    const head = Buffer.alloc(16);
    const header = Buffer.from('{"type":"ready"}');
    head.writeUInt32LE(header.length, 0);
    head.writeDoubleLE(frame.readDoubleLE(8), 8);
    work.write(Buffer.concat([head, header]));
  });
  new net.Socket({ fd: 3 }).resume().on('close', () => process.exit());
`;

const PATIENCE_MS = 20_000;

async function until(condition: () => boolean): Promise<boolean> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await delay(10)) if (condition()) return true;
  return false;
}

function takeAll(): number[] {
  const taken: number[] = [];
  for (;;) {
    try {
      taken.push(fs.openSync('/dev/null', 'r'));
    } catch {
      return taken;
    }
  }
}

/** How a process ends that is started now. */
function lone(host: ReturnType<typeof hostCommand>): Promise<string> {
  return new Promise((resolve) => {
    const started: HostProcess = new HostProcess(host, 1, {
      onFrame: () => undefined,
      onExit: () => resolve(String(started.failure && 'code' in started.failure && started.failure.code)),
    });
    started.startWorker(0);
    started.send(0, 1, {}, []);
  });
}

interface Fields {
  readonly err?: Error;
  readonly how?: string;
}

async function main(file: string): Promise<void> {
  const refusals: string[] = [];
  const ends: string[] = [];
  const quiet = { info: () => undefined, warn: () => undefined };
  const error = ({ err, how }: Fields, text: string): void => {
    if (text === 'model host cannot be started again') refusals.push(String(err?.message));
    if (text === 'a process of steps ended') ends.push(String(how));
  };
  const log = { ...quiet, error: error as never };
  const steps = new StepWorkers({
    ...{ name: 'steps', hello: {}, processes: 1, timeout: 20, memoryBytes: 0, log, restarted: () => undefined },
    host: { command: process.execPath, args: ['--eval', STEPS], env: {} },
    isolation: { memory: 'none', network: 'granted', end: 'socket' },
  });
  await steps.start();
  const host = hostCommand(process.execPath, process.env);
  const onnx = { executionProvider: 'cpu', threads: 1 } as const;
  const backend = new HostBackend({ host, onnx, runTimeout: 30, log, workers: 1 });
  await backend.load(file);
  const before = backend.pid ?? 0;
  let taken = takeAll();
  const alone = await lone(host);
  for (const pid of [before, ...steps.pids]) process.kill(pid, 'SIGKILL');
  // Whatever their ends free is taken, too.
  const crowd = setInterval(() => (taken = [...taken, ...takeAll()]), 1);
  const refused = await until(() => refusals.length >= 3 && ends.length >= 3);
  clearInterval(crowd);
  for (const each of taken) fs.closeSync(each);
  const back = await until(() => backend.healthy());
  const replaced = backend.pid !== before;
  const stepped = await steps.ask('step', {}, []).then(Boolean, () => false);
  await Promise.all([backend.close(), steps.close()]);
  process.stdout.write(
    JSON.stringify({ alone, refused, first: refusals[0], last: ends.at(-1), back, replaced, stepped }),
  );
}

void main(process.argv[2] ?? '');
