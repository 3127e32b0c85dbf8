import { Worker } from 'node:worker_threads';
import { LoadClient } from './client';
import type { BenchRequest } from './client';
import { closedLoop } from './load';

/** A server that does nothing, in a thread of its own. */
const TRIVIAL = `
const { parentPort } = require('node:worker_threads');
const server = require('node:http').createServer((request, response) => {
  request.resume();
  request.once('end', () => response.end('{}'));
});
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;
const MEASURE_MS = 400;
const CONNECTIONS = 16;

/** Requests per second that this machine sends to, and gets answered by, a server that does nothing. */
export async function ceilingOf(requests: readonly BenchRequest[], signal: AbortSignal): Promise<number> {
  const worker = new Worker(TRIVIAL, { eval: true });
  try {
    const port = await new Promise<number>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    const url = new URL(`http://127.0.0.1:${port}/`);
    const client = new LoadClient({ url, headers: {}, requests, timeoutMs: 5_000, maxSockets: CONNECTIONS });
    const loop = {
      ...{ send: client.send, maxRequests: 1e6, maxInFlight: CONNECTIONS, honourRetryAfter: false, signal },
    };
    await closedLoop({ ...loop, durationMs: MEASURE_MS / 2 });
    const run = await closedLoop({ ...loop, durationMs: MEASURE_MS });
    client.close();
    return run.status.filter((status) => status === 200).length / (MEASURE_MS / 1000);
  } finally {
    await worker.terminate();
  }
}
