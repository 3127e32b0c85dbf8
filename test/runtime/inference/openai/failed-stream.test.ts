import fs from 'node:fs';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { METRICS, PATHS } from '../../../../runtime/contract';
import { KEY } from '../../support/process';
import { spanCollector } from '../../support/span-collector';
import { temporaryFolder } from '../../support/temporary';
import { decoderFiles } from '../../support/text-store';
import { TextStore } from '../../support/text-server';

const store = new TextStore('tiny-chat', decoderFiles({}, { eos_token_id: 100_000 }));

const dir = temporaryFolder();
const auditFile = path.join(dir, 'audit.jsonl');

afterAll(() => {
  store.remove();
  fs.rmSync(dir, { recursive: true, force: true });
});

it('a stream that fails after its head counts as what it failed with, in metrics, audit log and trace', async () => {
  const to = await spanCollector();
  const server = await store.serve({ auditFile, otlpEndpoint: to.url });
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
  server.signal('SIGTERM');
  expect(await server.ended()).toBe(0);
  await server.dispose();
  to.close();
  const [entry = ''] = fs.readFileSync(auditFile, 'utf8').split('\n');
  expect(JSON.parse(entry)).toMatchObject({ operation: 'OpenAiCompletions', outcome: '503' });
  const span = to.spans.find(({ name }) => name === 'OpenAiCompletions');
  expect(span?.status).toEqual({ code: 2 });
  expect(span?.attributes).toContainEqual({ key: 'http.response.status_code', value: { intValue: 503 } });
});
