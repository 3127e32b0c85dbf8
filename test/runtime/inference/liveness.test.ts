import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { inferPath, PATHS } from '../../../runtime/contract';
import { KEY, ServerProcess } from '../support/process';

const MODELS = path.resolve(__dirname, '../../../examples/quickstart/models');
/** Milliseconds that the kubelet waits for an answer, and times that it asks in vain before it kills: our manifests. */
const PROBE = { timeout: 5_000, failures: 3 } as const;
const LOAD_MS = 6_000;
const CLIENTS = 60;

it('a server that is asked far more than it can answer is never killed for it', async () => {
  const server = ServerProcess.start({
    ...{ modelName: 'digits', modelVersion: '3', modelUri: pathToFileURL(MODELS).href, logLevel: 'info' },
    ...{ maxConcurrency: '2', callerConcurrency: '100000', connectionsPerAddress: '0' },
  });
  try {
    await server.ready();
    const url = await server.url();
    const body = JSON.stringify({
      inputs: [{ name: 'pixels', datatype: 'FP32', shape: [8, 64], data: new Array<number>(8 * 64).fill(1) }],
    });
    const meta = (await (await fetch(`${url}/v2/models/digits`, { headers: { 'x-api-key': KEY } })).json()) as {
      readonly inputs: readonly { readonly name: string }[];
    };
    const payload = body.replace('"pixels"', JSON.stringify(meta.inputs[0]?.name));
    const end = Date.now() + LOAD_MS;
    const codes = new Map<number, number>();
    const headers = { 'x-api-key': KEY, 'content-type': 'application/json' };
    const client = async (): Promise<void> => {
      while (Date.now() < end) {
        const answer = await fetch(url + inferPath('digits'), { method: 'POST', headers, body: payload });
        await answer.arrayBuffer();
        codes.set(answer.status, (codes.get(answer.status) ?? 0) + 1);
      }
    };
    const clients = Promise.all(Array.from({ length: CLIENTS }, client));
    const probes: boolean[] = [];
    while (Date.now() < end) {
      const asked = fetch(url + PATHS.live, { signal: AbortSignal.timeout(PROBE.timeout) });
      probes.push(await asked.then(({ ok }) => ok).catch(() => false));
      await delay(100);
    }
    await clients;
    // Overload it was: some were refused, and those that were not were answered.
    expect([...codes.keys()].sort()).toEqual([200, 429]);
    expect(probes.length).toBeGreaterThanOrEqual(3);
    expect(probes.filter((isLive) => !isLive)).toEqual([]);
    const metrics = await (await fetch((await server.metricsUrl()) + PATHS.metrics)).text();
    const lag = Number(/^nodejs_eventloop_lag_seconds (\S+)$/m.exec(metrics)?.[1]);
    expect(lag).toBeLessThan(PROBE.timeout / 1_000);
  } finally {
    await server.dispose();
  }
});
