import { afterAll, expect, it } from 'vitest';
import { METRICS, PATHS } from '../../../../runtime/contract';
import { KEY } from '../../support/process';
import { decoderFiles } from '../../support/text-store';
import { TextStore } from '../../support/text-server';

const store = new TextStore('tiny-chat', decoderFiles({}, { eos_token_id: 100_000 }));

afterAll(() => store.remove());

it('a stream that fails after its head counts as what it failed with, not as its head says', async () => {
  const server = await store.serve();
  const host = await server.hostPid();
  process.kill(host, 'SIGSTOP');
  const metrics = async (): Promise<string> => (await fetch((await server.metricsUrl()) + PATHS.metrics)).text();
  const asked = fetch(`${await server.url()}${PATHS.openai}/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'tiny-chat', prompt: 'the cat', max_tokens: 4, stream: true }),
  });
  await expect.poll(metrics).toContain(`${METRICS.answersWaiting.name}{model="tiny-chat",version="1"} 1`);
  process.kill(host, 'SIGKILL');
  const response = await asked;
  expect(response.status).toBe(200);
  expect(await response.text()).toContain('"code":"LNMT8206"');
  const counted = async (): Promise<string[]> =>
    (await metrics())
      .split('\n')
      .filter((line) => line.startsWith(METRICS.inferenceRequests.name) && !line.endsWith(' 0'));
  await expect.poll(counted).toEqual([`${METRICS.inferenceRequests.name}{model="tiny-chat",version="1",code="503"} 1`]);
  await server.dispose();
}, 60_000);
