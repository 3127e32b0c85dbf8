import path from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/** The limit: sessions that run one prepared batch again and again, with nothing around them. */
export interface RawOptions {
  readonly file: string;
  readonly kind: 'mlp' | 'encoder';
  readonly workers: number;
  readonly batch: number;
  readonly seconds: number;
}

const LENGTH = 128;

function feedOf({ kind, batch }: RawOptions): Record<string, Tensor> {
  if (kind === 'mlp') return { x: new Tensor('float32', new Float32Array(batch * 784).fill(0.5), [batch, 784]) };
  const ids = BigInt64Array.from({ length: batch * LENGTH }, (_, index) => BigInt((index * 7919) % 30_000));
  const mask = new BigInt64Array(batch * LENGTH).fill(1n);
  const shape = [batch, LENGTH];
  return { input_ids: new Tensor('int64', ids, shape), attention_mask: new Tensor('int64', mask, shape) };
}

async function loop(options: RawOptions): Promise<void> {
  const session = await InferenceSession.create(options.file, { intraOpNumThreads: 1, logSeverityLevel: 4 });
  const feed = feedOf(options);
  const times: number[] = [];
  for (let turn = 0; turn < 3; turn++) await session.run(feed);
  parentPort?.postMessage('ready');
  await new Promise((resolve) => parentPort?.once('message', resolve));
  const started = performance.now();
  while (performance.now() - started < options.seconds * 1000) {
    const before = performance.now();
    await session.run(feed);
    times.push(performance.now() - before);
  }
  times.sort((a, b) => a - b);
  const seconds = (performance.now() - started) / 1000;
  parentPort?.postMessage({ items: times.length * options.batch, seconds, median: times[times.length >> 1] ?? 0 });
}

interface Share {
  readonly items: number;
  readonly seconds: number;
  readonly median: number;
}

const next = <T>(worker: Worker): Promise<T> =>
  new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });

/** Items per second of all workers together, and the median time of a run in milliseconds. */
export async function raw(options: RawOptions): Promise<{ readonly perSecond: number; readonly median: number }> {
  const loader = `require('tsx/cjs'); require(${JSON.stringify(path.join(__dirname, 'raw.ts'))})`;
  const workers = Array.from(
    { length: options.workers },
    () => new Worker(loader, { eval: true, workerData: options }),
  );
  await Promise.all(workers.map((worker) => next(worker)));
  const shares = workers.map((worker) => next<Share>(worker));
  for (const worker of workers) worker.postMessage('go');
  const done = await Promise.all(shares);
  await Promise.all(workers.map((worker) => worker.terminate()));
  const perSecond = done.reduce((sum, { items, seconds }) => sum + items / seconds, 0);
  return { perSecond, median: done[0]?.median ?? 0 };
}

if (!isMainThread && (workerData as RawOptions | undefined)?.file !== undefined) void loop(workerData as RawOptions);
