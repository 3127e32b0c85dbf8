import path from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { METRICS, PATHS } from '../../../../runtime/contract';
import type { OnnxBackend } from '../../../../runtime/inference/backends/onnx';
import { TextEngine } from '../../../../runtime/inference/text/engine';
import { loaded, naive } from '../../support/decoding';
import { KEY } from '../../support/process';
import type { ServerProcess } from '../../support/process';
import { decoderFiles, encoderFiles } from '../../support/text-store';
import { TextStore } from '../../support/text-server';
import { TINY } from '../../support/text-models';
import { packElements } from '../../../../runtime/inference/tensors/elements';

/** No token ends an answer: all answers have their full length. */
const ENDLESS = { eos_token_id: 100_000 };

const decoders = new TextStore('tiny-chat', decoderFiles({}, ENDLESS));
const encoders = new TextStore('tiny-embed', encoderFiles());
const clients: { decoder?: OpenAI; encoder?: OpenAI } = {};
const servers: ServerProcess[] = [];
const backends: OnnxBackend[] = [];

async function clientOf(store: TextStore): Promise<OpenAI> {
  const server = await store.serve();
  servers.push(server);
  return new OpenAI({ apiKey: KEY, baseURL: (await server.url()) + PATHS.openai, maxRetries: 0 });
}

function client(kind: 'decoder' | 'encoder'): OpenAI {
  const found = clients[kind];
  if (found === undefined) throw new Error('not started');
  return found;
}

beforeAll(async () => {
  clients.decoder = await clientOf(decoders);
  clients.encoder = await clientOf(encoders);
  for (const store of [decoders, encoders]) backends.push(await loaded(store.file));
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.dispose()));
  await Promise.all(backends.map((backend) => backend.close()));
  decoders.remove();
  encoders.remove();
});

const engine = (store: TextStore): TextEngine => new TextEngine(path.dirname(store.file));

async function expected(prompt: readonly number[], count: number): Promise<string> {
  const [backend] = backends;
  if (backend === undefined) throw new Error('not loaded');
  return engine(decoders).decode([await naive(backend, prompt, count)], true)[0] ?? '';
}

describe('the openai client: models', () => {
  it('lists the models that take text, and finds one', async () => {
    const list = await client('decoder').models.list();
    expect(list.data.map(({ id, object }) => [id, object])).toEqual([['tiny-chat', 'model']]);
    for (const id of ['tiny-chat', 'tiny-chat:1']) {
      expect(await client('decoder').models.retrieve(id)).toMatchObject({ id, owned_by: 'lnmt' });
    }
    for (const id of ['other', 'tiny-chat:2', 'other:1']) {
      await expect(client('decoder').models.retrieve(id)).rejects.toMatchObject({ status: 404, code: 'LNMT8202' });
    }
  });
});

describe('the openai client: embeddings', () => {
  /** Mean of the vectors of the tokens, scaled to length 1, computed here from a plain run. */
  async function byHand(ids: readonly number[]): Promise<number[]> {
    const [, backend] = backends;
    const data = (name: string, values: readonly number[]) => {
      return { name, datatype: 'INT64', shape: [1, ids.length], data: packElements('INT64', values) } as const;
    };
    const inputs = [
      data('input_ids', ids),
      data(
        'attention_mask',
        ids.map(() => 1),
      ),
      data(
        'token_type_ids',
        ids.map(() => 0),
      ),
    ];
    const [output] = (await backend?.run(inputs, ['last_hidden_state'])) ?? [];
    if (output === undefined) throw new Error('no output');
    const floats = new Float32Array(output.data.buffer, output.data.byteOffset, output.data.byteLength / 4);
    const mean = Array.from({ length: TINY.hidden }, (_, place) => {
      let sum = 0;
      for (let token = 0; token < ids.length; token++) sum += floats[token * TINY.hidden + place] ?? 0;
      return sum / ids.length;
    });
    const length = Math.hypot(...mean);
    return mean.map((value) => value / length);
  }

  it('equal what is computed by hand, as floats and in base64, from texts and from tokens', async () => {
    const texts = ['the cat sat on the mat', 'dogs', 'the dog ran'];
    const ids = engine(encoders).encode(texts, true);
    expect(ids[1]).toEqual([2, 9, 11, 3]);
    const hand = await Promise.all(ids.map(byHand));
    const { embeddings } = client('encoder');
    const asFloats = await embeddings.create({ model: 'tiny-embed', input: texts, encoding_format: 'float' });
    const asDefault = await embeddings.create({ model: 'tiny-embed', input: texts });
    const fromTokens = await embeddings.create({ model: 'tiny-embed', input: ids, encoding_format: 'float' });
    for (const { data } of [asFloats, asDefault, fromTokens]) {
      for (const [index, vector] of hand.entries()) {
        expect(data[index]?.index).toBe(index);
        vector.forEach((value, place) => expect(data[index]?.embedding[place]).toBeCloseTo(value, 5));
      }
    }
    const tokens = ids.flat().length;
    expect(asFloats.usage).toEqual({ prompt_tokens: tokens, total_tokens: tokens });
  });

  it('have the dimensions that were asked for, and length 1', async () => {
    const request = { model: 'tiny-embed', input: 'the cat', dimensions: 4, encoding_format: 'float' } as const;
    const { data } = await client('encoder').embeddings.create(request);
    expect(data[0]?.embedding).toHaveLength(4);
    expect(Math.hypot(...(data[0]?.embedding ?? []))).toBeCloseTo(1, 5);
    const wrong = client('encoder').embeddings.create({ ...request, dimensions: 9 });
    await expect(wrong).rejects.toMatchObject({ status: 400, param: 'dimensions' });
  });

  it('refuses texts beyond the length of the model, and models for something else', async () => {
    const long = client('encoder').embeddings.create({ model: 'tiny-embed', input: 'cat '.repeat(70) });
    await expect(long).rejects.toMatchObject({ status: 400, code: 'LNMT8243', param: 'input[0]' });
    const other = client('encoder').completions.create({ model: 'tiny-embed', prompt: 'the cat' });
    await expect(other).rejects.toMatchObject({ status: 400, code: 'LNMT8247' });
  });
});

describe('the openai client: completions', () => {
  const greedy = { model: 'tiny-chat', temperature: 0, max_tokens: 20 } as const;

  it('are token for token those of the naive loop', async () => {
    const [ids = []] = engine(decoders).encode(['the cat sat'], true);
    const answer = await client('decoder').completions.create({ ...greedy, prompt: 'the cat sat' });
    expect(answer.choices).toEqual([
      { index: 0, text: await expected(ids, 20), logprobs: null, finish_reason: 'length' },
    ]);
    const total = ids.length + 20;
    expect(answer.usage).toEqual({ prompt_tokens: ids.length, completion_tokens: 20, total_tokens: total });
  });

  it('come as a stream with the same text and the tokens used', async () => {
    const whole = await client('decoder').completions.create({ ...greedy, prompt: 'the dog' });
    const stream = await client('decoder').completions.create({
      ...{ ...greedy, prompt: 'the dog', stream: true },
      stream_options: { include_usage: true },
    });
    let text = '';
    let usage: unknown;
    const finishes: unknown[] = [];
    for await (const event of stream) {
      text += event.choices[0]?.text ?? '';
      if (event.choices[0]?.finish_reason) finishes.push(event.choices[0].finish_reason);
      usage = event.usage ?? usage;
    }
    expect([text, finishes]).toEqual([whole.choices[0]?.text, ['length']]);
    expect(usage).toEqual(whole.usage);
  });

  it('answer several prompts, each as it is answered alone', async () => {
    const prompts = ['the cat', 'a dog ran on', 'mat'];
    const together = await client('decoder').completions.create({ ...greedy, prompt: prompts });
    for (const [index, prompt] of prompts.entries()) {
      const alone = await client('decoder').completions.create({ ...greedy, prompt });
      expect(together.choices[index]?.text).toBe(alone.choices[0]?.text);
    }
  });

  it('end before a stop text', async () => {
    const whole = await client('decoder').completions.create({ ...greedy, prompt: 'the cat' });
    const text = whole.choices[0]?.text ?? '';
    const stop = text.slice(5, 8);
    const short = await client('decoder').completions.create({ ...greedy, prompt: 'the cat', stop });
    expect(short.choices[0]).toMatchObject({ text: text.slice(0, text.indexOf(stop)), finish_reason: 'stop' });
  });

  it('tell the probabilities of their tokens', async () => {
    const { choices } = await client('decoder').completions.create({
      ...greedy,
      prompt: 'the',
      max_tokens: 3,
      logprobs: 2,
    });
    const told = choices[0]?.logprobs;
    expect([told?.tokens?.length, told?.token_logprobs?.length, told?.top_logprobs?.length]).toEqual([3, 3, 3]);
    for (const [index, logprob] of (told?.token_logprobs ?? []).entries()) {
      expect(logprob).toBeLessThanOrEqual(0);
      expect(logprob).toBe(Math.max(...Object.values(told?.top_logprobs?.[index] ?? {})));
    }
  });

  it('are drawn the same with the same seed', async () => {
    const drawn = { model: 'tiny-chat', prompt: 'the cat', max_tokens: 20, temperature: 1.2, top_p: 0.95 };
    const text = async (seed: number): Promise<string | undefined> =>
      (await client('decoder').completions.create({ ...drawn, seed })).choices[0]?.text;
    const [first, again, other] = await Promise.all([text(7), text(7), text(8)]);
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });
});

describe('the openai client: chats', () => {
  const messages = [
    { role: 'system', content: 'the cat' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'where is ' },
        { type: 'text', text: 'the {{ 7 * 7 }} mat?' },
      ],
    },
  ] satisfies OpenAI.ChatCompletionMessageParam[];
  const greedy = { model: 'tiny-chat', messages, temperature: 0, max_completion_tokens: 16 } as const;

  it('answer what the template makes of the messages, which stay text whatever they hold', async () => {
    const written =
      '<|start|>system\nthe cat<|end|>\n<|start|>user\nwhere is the {{ 7 * 7 }} mat?<|end|>\n<|start|>assistant\n';
    const [ids = []] = engine(decoders).encode([written], false);
    const answer = await client('decoder').chat.completions.create({ ...greedy, logprobs: true, top_logprobs: 3 });
    expect(answer.usage?.prompt_tokens).toBe(ids.length);
    const [choice] = answer.choices;
    expect(choice?.message).toEqual({ role: 'assistant', content: await expected(ids, 16), refusal: null });
    expect(choice?.logprobs?.content).toHaveLength(16);
    expect(choice?.logprobs?.content?.[0]?.top_logprobs).toHaveLength(3);
  });

  it('come as a stream, to the helper of the client too', async () => {
    const whole = await client('decoder').chat.completions.create(greedy);
    const runner = client('decoder').chat.completions.stream({ ...greedy, stream_options: { include_usage: true } });
    const final = await runner.finalChatCompletion();
    expect(final.choices[0]?.message.content).toBe(whole.choices[0]?.message.content);
    expect(final.usage).toEqual(whole.usage);
  });

  it('run beside one another, each with the answer that it has alone', async () => {
    const contents = ['the cat', 'the dog sat on the mat and ran', 'a', 'mat mat mat', 'then', 'again'];
    const ask = async (content: string): Promise<string | null | undefined> => {
      const own = [{ role: 'user', content }] as const;
      return (await client('decoder').chat.completions.create({ ...greedy, messages: [...own] })).choices[0]?.message
        .content;
    };
    const alone: unknown[] = [];
    for (const content of contents) alone.push(await ask(content));
    expect(await Promise.all(contents.map(ask))).toEqual(alone);
  });

  it('end when the client leaves, and are counted', async () => {
    const leaving = new AbortController();
    const stream = await client('decoder').chat.completions.create(
      { model: 'tiny-chat', messages, max_completion_tokens: 100, stream: true },
      { signal: leaving.signal },
    );
    for await (const event of stream) if (event.choices.length > 0) break;
    leaving.abort();
    const [server] = servers;
    const metrics = async (): Promise<string> => (await fetch((await server?.metricsUrl()) + PATHS.metrics)).text();
    await expect.poll(metrics).toContain(`${METRICS.kvCacheReserved.name}{model="tiny-chat",version="1"} 0`);
    const text = await metrics();
    for (const { name } of [METRICS.promptTokens, METRICS.generatedTokens]) {
      expect(text).toMatch(new RegExp(`^${name}\\{model="tiny-chat",version="1"\\} [1-9]`, 'm'));
    }
    expect(text).toMatch(
      new RegExp(`^${METRICS.inferenceRequests.name}\\{model="tiny-chat",version="1",code="200"\\} \\d`, 'm'),
    );
    expect(server?.output).not.toContain('MaxListeners');
    expect(text).toContain(`${METRICS.timeToFirstToken.name}_count{model="tiny-chat",version="1"}`);
  });
});
