import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PATHS } from '../../../../runtime/contract';
import type { AuditEntry } from '../../../../runtime/shared/audit';
import { KEY } from '../../support/process';
import type { ServerProcess } from '../../support/process';
import { temporaryFolder } from '../../support/temporary';
import { decoderFiles, encoderFiles } from '../../support/text-store';
import { TextStore } from '../../support/text-server';

const dir = temporaryFolder();
const decoders = new TextStore('tiny-chat', decoderFiles({}, { eos_token_id: 100_000 }));
const encoders = new TextStore('tiny-embed', encoderFiles());
const servers: Record<string, ServerProcess> = {};

const logOf = (name: string): string => path.join(dir, `${name}.jsonl`);

beforeAll(async () => {
  const policyFile = path.join(dir, 'policy.cedar');
  fs.writeFileSync(policyFile, 'forbid (principal, action, resource == LNMT::Model::"barred");');
  const serve = (store: TextStore): Promise<ServerProcess> => store.serve({ policyFile, auditFile: logOf(store.name) });
  await Promise.all([decoders, encoders].map(async (store) => (servers[store.name] = await serve(store))));
});

afterAll(async () => {
  await Promise.all(Object.values(servers).map((server) => server.dispose()));
  for (const store of [decoders, encoders]) store.remove();
  fs.rmSync(dir, { recursive: true, force: true });
});

const CASES = [
  ['/chat/completions', 'OpenAiChatCompletions', 'tiny-chat', { messages: [{ role: 'user', content: 'the cat' }] }],
  ['/completions', 'OpenAiCompletions', 'tiny-chat', { prompt: 'the cat' }],
  ['/embeddings', 'OpenAiEmbeddings', 'tiny-embed', { input: 'the cat' }],
] as const;

it('the audit log of GET /models/ID names model and version apart, and the policy is about the model', async () => {
  const get = async (id: string): Promise<number> => {
    const headers = { authorization: `Bearer ${KEY}` };
    const response = await fetch(`${await servers['tiny-chat']?.url()}${PATHS.openai}/models/${id}`, { headers });
    await response.arrayBuffer();
    return response.status;
  };
  expect([await get('tiny-chat:1'), await get('tiny-chat%3A1'), await get('barred:3')]).toEqual([200, 200, 403]);
  const lines = (): string[] => fs.readFileSync(logOf('tiny-chat'), 'utf8').trimEnd().split('\n');
  await expect.poll(() => lines().at(-1)).toContain('barred');
  const entries = lines().map((line) => JSON.parse(line) as AuditEntry);
  expect(entries.slice(-3)).toMatchObject([
    ...Array<object>(2).fill({ operation: 'OpenAiModels', outcome: '200', model: 'tiny-chat', version: '1' }),
    { operation: 'OpenAiModels', outcome: '403', model: 'barred', version: '3' },
  ]);
});

describe.each(CASES)('the audit log of POST %s', (route, operation, served, content) => {
  const limit = route === '/embeddings' ? {} : { max_tokens: 2 };
  const streamed = route === '/embeddings' ? {} : { stream: true };

  const ask = async (model: unknown, more: object = {}): Promise<number> => {
    const response = await fetch(`${await servers[served]?.url()}${PATHS.openai}${route}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, ...limit, ...content, ...more }),
    });
    await response.arrayBuffer();
    return response.status;
  };

  /** The entry that the request leaves behind. */
  const entryOf = async (model: unknown, more?: object): Promise<AuditEntry> => {
    const entries = (): string[] => fs.readFileSync(logOf(served), 'utf8').trimEnd().split('\n').filter(Boolean);
    const before = entries().length;
    const status = await ask(model, more);
    await expect.poll(() => entries().length).toBe(before + 1);
    const entry = JSON.parse(entries().at(-1) ?? '') as AuditEntry;
    expect(entry).toMatchObject({ operation, transport: 'http', caller: 'api-key test', outcome: String(status) });
    return entry;
  };

  it('names model and version that answered, as a whole or as a stream', async () => {
    expect(await entryOf(served)).toMatchObject({ outcome: '200', model: served, version: '1' });
    expect(await entryOf(`${served}:1`)).toMatchObject({ outcome: '200', model: served, version: '1' });
    expect(await entryOf(served, streamed)).toMatchObject({ outcome: '200', model: served, version: '1' });
  });

  it('names model and version as they were asked for, where the policy refuses them', async () => {
    expect(await entryOf('barred:3')).toMatchObject({ outcome: '403', model: 'barred', version: '3' });
    const entry = await entryOf('barred');
    expect(entry).toMatchObject({ outcome: '403', model: 'barred' });
    expect(entry).not.toHaveProperty('version');
  });

  it('names what nobody serves, shortened, and nothing where the request names nothing', async () => {
    expect(await entryOf('absent:9')).toMatchObject({ outcome: '404', model: 'absent', version: '9' });
    expect((await entryOf('x'.repeat(100_000))).model).toBe(`${'x'.repeat(511)}…`);
    expect(await entryOf(7)).not.toHaveProperty('model');
  });
});
