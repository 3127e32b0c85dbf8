import fs from 'node:fs';
import path from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { INFERENCE_ENV, EnvSettings } from '../../../../runtime/contract';
import { METRICS, PATHS } from '../../../../runtime/contract';
import { KEY } from '../../support/process';
import type { ServerProcess } from '../../support/process';
import { TextStore } from '../../support/text-server';
import { TINY } from '../../support/text-models';
import { decoderFiles, encoderFiles } from '../../support/text-store';

type Settings = EnvSettings<typeof INFERENCE_ENV>;

interface Noted {
  readonly name: string;
  readonly shape: readonly number[];
  readonly hash?: string;
  readonly data?: readonly unknown[];
}

interface Line {
  readonly request: string;
  readonly model: string;
  readonly operation: string;
  readonly outcome: string;
  readonly tokens: { readonly prompt?: number; readonly completion?: number };
  readonly finish?: readonly (string | null)[];
  readonly inputs: readonly Noted[];
  readonly outputs: readonly Noted[];
}

const HASH = expect.stringMatching(/^[0-9a-f]{32}$/) as string;

/** A server with a payload log of everything, and a client of it. */
class LoggedServer {
  private seen = 0;

  private constructor(
    private readonly store: TextStore,
    readonly server: ServerProcess,
    readonly client: OpenAI,
    readonly file: string,
  ) {}

  static async start(store: TextStore, settings: Settings = {}): Promise<LoggedServer> {
    const file = path.join(store.dir, 'payload.jsonl');
    const key = path.join(store.dir, 'payload.key');
    fs.writeFileSync(key, '0123456789abcdef');
    const log = { payloadLogFile: file, payloadLogKeyFile: key, payloadLogRates: '*=1' };
    const server = await store.serve({ ...log, ...settings });
    const baseURL = (await server.url()) + PATHS.openai;
    return new LoggedServer(store, server, new OpenAI({ apiKey: KEY, baseURL, maxRetries: 0 }), file);
  }

  get text(): string {
    return fs.readFileSync(this.file, 'utf8');
  }

  /** The records that came since the last time, once there are so many. */
  async lines(count: number): Promise<readonly Line[]> {
    const read = (): string[] => this.text.split('\n').slice(this.seen, -1);
    await expect.poll(() => read().length).toBe(count);
    const lines = read().map((line) => JSON.parse(line) as Line);
    this.seen += count;
    return lines;
  }

  async dispose(): Promise<void> {
    await this.server.dispose();
    this.store.remove();
  }
}

const ENDLESS = { eos_token_id: 100_000 };
const BYTES_PER_TOKEN = 2 * TINY.layers * TINY.hidden * 4;

const decoder = (settings: Settings = {}): Promise<LoggedServer> =>
  LoggedServer.start(new TextStore('tiny-chat', decoderFiles({}, ENDLESS)), settings);

/** One server for the tests of a suite. */
function served(start: () => Promise<LoggedServer>): () => LoggedServer {
  let logged: LoggedServer | undefined;
  beforeAll(async () => void (logged = await start()));
  afterAll(() => logged?.dispose());
  return () => {
    if (logged === undefined) throw new Error('not started');
    return logged;
  };
}

const greedy = { model: 'tiny-chat', temperature: 0, max_tokens: 12 } as const;
const messages = [
  { role: 'system', content: 'the cat' },
  { role: 'user', content: 'where is the mat?' },
] satisfies OpenAI.ChatCompletionMessageParam[];

describe('the payload log of a server of answers', () => {
  const logged = served(() => decoder({ kvCacheBytes: String(256 * BYTES_PER_TOKEN), graphql: 'true' }));

  it('has one record of each completion and chat, streamed or not, and no text in clear', async () => {
    const { client } = logged();
    const { data: whole, response } = await client.completions
      .create({ ...greedy, prompt: ['the cat sat', 'a dog'] })
      .withResponse();
    const stream = await client.completions.create({ ...greedy, prompt: 'the cat sat', stream: true });
    let streamed = '';
    for await (const event of stream) streamed += event.choices[0]?.text ?? '';
    const chat = await client.chat.completions.create({ ...greedy, messages });
    for await (const event of await client.chat.completions.create({ ...greedy, messages, stream: true })) void event;
    const all = await logged().lines(4);
    const [first, second, third, fourth] = all;
    expect(first).toEqual({
      ...{ time: expect.any(String) as string, ms: expect.any(Number) as number, caller: HASH },
      ...{ request: response.headers.get('x-request-id'), model: 'tiny-chat', version: '1', outcome: 'ok' },
      ...{ operation: 'OpenAiCompletions', finish: ['length', 'length'] },
      tokens: { prompt: whole.usage?.prompt_tokens, completion: 24 },
      inputs: [{ name: 'prompt', datatype: 'BYTES', shape: [2], hash: HASH }],
      outputs: [{ name: 'completion', datatype: 'BYTES', shape: [2], hash: HASH }],
    });
    expect(second).toMatchObject({ outcome: 'ok', tokens: { completion: 12 }, finish: ['length'] });
    const chatted = { operation: 'OpenAiChatCompletions', outcome: 'ok', finish: ['length'] };
    const used = { prompt: chat.usage?.prompt_tokens, completion: 12 };
    for (const each of [third, fourth]) {
      expect(each).toMatchObject({ ...chatted, tokens: used, inputs: [{ name: 'messages', shape: [2] }] });
    }
    // A stream is the same answer as a whole one.
    expect(fourth?.outputs).toEqual(third?.outputs);
    const written = logged().text;
    const secrets = ['cat', 'dog', 'mat', 'system', streamed, chat.choices[0]?.message.content ?? '', KEY];
    for (const secret of secrets) expect(written).not.toContain(JSON.stringify(secret).slice(1, -1));
  });

  it('has one of each GraphQL field that answers, like that of REST', async () => {
    const query =
      '{ completions(model: "tiny-chat", prompt: [{text: "the cat sat"}], temperature: 0, maxTokens: 12) { id } }';
    const response = await fetch((await logged().server.url()) + PATHS.graphql, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': KEY },
      body: JSON.stringify({ query }),
    });
    expect(response.status).toBe(200);
    await logged().client.completions.create({ ...greedy, prompt: 'the cat sat' });
    const [field, route] = await logged().lines(2);
    const { operation, outcome, tokens, finish, inputs, outputs } = route ?? {};
    expect(field).toMatchObject({ operation, outcome, tokens, finish, inputs, outputs });
    expect(field?.request).toBe(response.headers.get('x-request-id'));
  });

  it('has the code of what was refused, and no record of what could not be read or is not served', async () => {
    const { client, server } = logged();
    const refused = async (change: object): Promise<unknown> =>
      client.completions.create({ ...greedy, prompt: 'the cat', ...change }).then(
        () => undefined,
        (error: unknown) => (error as { code: unknown }).code,
      );
    expect(await refused({ prompt: ['a', 'b'], max_tokens: 200 })).toBe('LNMT8246');
    expect(await refused({ max_tokens: 1_000_000 })).toBe('LNMT8243');
    expect(await refused({ model: 'invented' })).toBe('LNMT8202');
    expect(await refused({ temperature: 9 })).toBe('LNMT8241');
    const embedding = client.embeddings.create({ model: 'tiny-chat', input: 'the cat' });
    await expect(embedding).rejects.toMatchObject({ code: 'LNMT8247' });
    const hashed = { datatype: 'BYTES', hash: HASH };
    expect(await logged().lines(3)).toMatchObject([
      { outcome: 'LNMT8246', inputs: [{ name: 'prompt', shape: [2], ...hashed }], outputs: [] },
      { outcome: 'LNMT8243', inputs: [{ name: 'prompt', shape: [1], ...hashed }], outputs: [] },
      { outcome: 'LNMT8247', operation: 'OpenAiEmbeddings', inputs: [{ name: 'input', ...hashed }], outputs: [] },
    ]);
    expect(logged().text).not.toContain('invented');
    const metrics = async (): Promise<string> => (await fetch((await server.metricsUrl()) + PATHS.metrics)).text();
    await expect.poll(metrics).toContain(`${METRICS.payloadRecords.name}{outcome="written"} 9`);
  });
});

describe('the payload log with rules that keep texts', () => {
  const tensors = 'prompt=keep,messages=keep,tiny-chat/completion=keep';
  const logged = served(() => decoder({ payloadLogTensors: tensors, logLevel: 'info' }));

  it('has what its rules name in clear, and nothing else', async () => {
    const { client } = logged();
    const { choices } = await client.completions.create({ ...greedy, prompt: 'the cat sat' });
    const stream = await client.chat.completions.create({ ...greedy, messages, stream: true });
    let streamed = '';
    for await (const event of stream) streamed += event.choices[0]?.delta.content ?? '';
    const [completion, chat] = await logged().lines(2);
    expect([completion?.inputs[0]?.data, completion?.outputs[0]?.data]).toEqual([['the cat sat'], [choices[0]?.text]]);
    expect(chat?.inputs[0]?.data?.map((each) => JSON.parse(String(each)) as unknown)).toEqual(messages);
    expect(chat?.outputs[0]?.data).toEqual([streamed]);
  });

  it('says of a stream whose client left what was sent until then', async () => {
    const { client } = logged();
    const leave = async (): Promise<string> => {
      const leaving = new AbortController();
      const stream = await client.completions.create(
        { ...greedy, prompt: 'the cat', max_tokens: 240, stream: true },
        { signal: leaving.signal },
      );
      let streamed = '';
      for await (const event of stream) if ((streamed += event.choices[0]?.text ?? '') !== '') break;
      leaving.abort();
      return streamed;
    };
    // On a busy machine the whole answer may be sent before its first event is read: then the next one is left.
    let streamed = await leave();
    let [left] = await logged().lines(1);
    for (let count = 2; left?.outcome !== 'LNMT8207'; count += 1) {
      streamed = await leave();
      left = (await logged().lines(count)).at(-1);
    }
    expect(left).toMatchObject({ finish: [null], outputs: [{ name: 'completion', shape: [1] }] });
    expect(left.tokens.completion).toBeLessThan(240);
    expect(String(left.outputs[0]?.data?.[0]).startsWith(streamed)).toBe(true);
  });

  it('says of a stream that broke which error was its last event', async () => {
    const { client, server } = logged();
    const request = { ...greedy, prompt: 'the cat', max_tokens: 240, stream: true } as const;
    const broken = async (pid: number): Promise<boolean> => {
      let killed = false;
      try {
        for await (const event of await client.completions.create(request)) {
          if (!killed && event.choices.length > 0) process.kill(pid, 'SIGKILL');
          killed = true;
        }
        return false;
      } catch {
        return true;
      }
    };
    // On a busy machine the whole answer may be there before its first event is read: then the next one is broken.
    for (let count = 1; !(await broken(await server.hostPid(count))); count += 1) await logged().lines(1);
    expect(await logged().lines(1)).toMatchObject([
      { outcome: 'LNMT8206', finish: [null], outputs: [{ name: 'completion' }] },
    ]);
  });
});

describe('the payload log with short records', () => {
  const settings = { payloadLogTensors: 'messages=keep,completion=keep', payloadLogRecordBytes: '1024' };
  const logged = served(() => decoder(settings));

  it('keeps every record within its bound', async () => {
    const { client } = logged();
    const long = [{ role: 'user', content: 'the cat '.repeat(100) }] as const;
    await client.chat.completions.create({ ...greedy, messages: [...long], max_tokens: 4 });
    const [record] = await logged().lines(1);
    expect(record?.inputs).toEqual([{ name: 'messages', datatype: 'BYTES', shape: [1], truncated: true }]);
    expect(record?.outputs[0]?.data).toHaveLength(1);
    expect(Buffer.byteLength(logged().text)).toBeLessThanOrEqual(1_024);
  });
});

describe('the payload log with a share of 0', () => {
  const logged = served(() => decoder({ payloadLogRates: 'tiny-chat=0,*=1' }));

  it('has nothing of a model whose share is 0', async () => {
    const { client, server, file } = logged();
    await client.completions.create({ ...greedy, prompt: 'the cat' });
    server.signal('SIGTERM');
    expect(await server.ended()).toBe(0);
    expect(fs.statSync(file).size).toBe(0);
  });
});

describe('the payload log of a server of embeddings', () => {
  const logged = served(() => LoggedServer.start(new TextStore('tiny-embed', encoderFiles())));

  it('has one record of a request, however many runs it takes: texts as hashes, vectors as numbers', async () => {
    const { client } = logged();
    const input = ['the cat sat on the mat', 'dogs', 'the dog ran'];
    const answer = await client.embeddings.create({ model: 'tiny-embed', input, dimensions: 4 });
    await client.embeddings.create({ model: 'tiny-embed', input: 'the cat', encoding_format: 'base64' });
    const [first, second] = await logged().lines(2);
    expect(first).toMatchObject({
      ...{ operation: 'OpenAiEmbeddings', outcome: 'ok', tokens: { prompt: answer.usage.prompt_tokens } },
      inputs: [{ name: 'input', datatype: 'BYTES', shape: [3], hash: HASH }],
      outputs: [{ name: 'embedding', datatype: 'FP32', shape: [3, 4] }],
    });
    const sent = answer.data.flatMap(({ embedding }) => embedding);
    expect(first?.outputs[0]?.data).toHaveLength(12);
    first?.outputs[0]?.data?.forEach((value, place) => expect(value).toBeCloseTo(sent[place] ?? Number.NaN, 6));
    expect(second?.outputs[0]).toMatchObject({ name: 'embedding', shape: [1, TINY.hidden] });
    expect(logged().text).not.toMatch(/cat|dog|input_ids/);
  });
});
