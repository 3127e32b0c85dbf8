import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { HostBackend } from '../../../../runtime/inference/backends/host-backend';
import type { OnnxBackend } from '../../../../runtime/inference/backends/onnx';
import { hostCommand } from '../../../../runtime/inference/host/command';
import type { AnswerOptions } from '../../../../runtime/inference/text/completer';
import { TextModel } from '../../../../runtime/inference/text/model';
import type { TextLimits } from '../../../../runtime/inference/text/model';
import { GREEDY, loaded, naive } from '../../support/decoding';
import { temporaryFolder } from '../../support/temporary';
import { TINY } from '../../support/text-models';
import { decoderFiles, encoderFiles, TRAINED, writeFiles } from '../../support/text-store';

const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
const BYTES_PER_TOKEN = 2 * TINY.layers * TINY.hidden * 4;
const never = { signal: new AbortController().signal };

let dir: string;
let reference: OnnxBackend;
const open: { close(): Promise<void> }[] = [];
const cacheBytes: number[] = [];
const observe = {
  prompt: vi.fn(),
  tokens: vi.fn(),
  first: vi.fn(),
  cache: (bytes: number) => void cacheBytes.push(bytes),
};

async function served(files: Record<string, Uint8Array>, limits: Partial<TextLimits> = {}, runTimeout = 20) {
  const folder = writeFiles(fs.mkdtempSync(path.join(dir, 'model-')), files);
  const file = path.join(folder, 'model.onnx');
  const host = hostCommand(process.execPath, process.env);
  const backend = new HostBackend({ host, onnx: { executionProvider: 'cpu', threads: 0 }, runTimeout, log });
  open.push(backend);
  const signature = await backend.load(file);
  const text = await TextModel.open({
    ...{ model: { name: 'tiny', version: '1' }, file, signature, backend, observe, log, isGuarded: false },
    infer: ({ inputs, outputs = [] }) => backend.run(inputs, outputs),
    limits: { maxRows: 8, cacheBytes: 2 ** 30, ...limits },
    now: () => performance.now() / 1000,
  });
  if (text === undefined) throw new Error('not a model of text');
  open.push(text);
  return { backend, text };
}

const answerOptions = (maxTokens: number): AnswerOptions => ({
  sampling: GREEDY,
  maxTokens,
  stops: [],
  logprobs: undefined,
  continues: true,
});

async function tokensOf(text: TextModel, ids: readonly number[], maxTokens: number): Promise<number[]> {
  const tokens: number[] = [];
  for await (const { steps } of text.completer.begin(ids, answerOptions(maxTokens), never)) {
    tokens.push(...steps.flatMap(({ token }) => (token === undefined ? [] : [token])));
  }
  return tokens;
}

beforeAll(async () => {
  dir = temporaryFolder();
  reference = await loaded(path.join(writeFiles(path.join(dir, 'reference'), decoderFiles()), 'model.onnx'));
});

afterAll(async () => {
  await Promise.all([reference, ...open].map((each) => each.close()));
  fs.rmSync(dir, { recursive: true });
});

describe('a decoder in a model host', () => {
  it('answers many at once as the naive loop answers each, in one process', async () => {
    const { backend, text } = await served(decoderFiles({}, { eos_token_id: 100_000 }));
    const pid = backend.pid;
    const prompts = ['the cat', 'the dog sat on', 'a', 'ran ran ran ran'];
    const ids = await Promise.all(prompts.map((prompt) => text.completer.prompt(prompt, 'prompt')));
    const answers = await Promise.all(ids.map((each) => tokensOf(text, each, 20)));
    for (const [index, each] of ids.entries()) expect(answers[index]).toEqual(await naive(reference, each, 20));
    expect([backend.pid, backend.capacity().workers]).toEqual([pid, 1]);
    expect(cacheBytes.at(-1)).toBe(0);
    expect(Math.max(...cacheBytes)).toBe(4 * 64 * BYTES_PER_TOKEN);
  });

  it('frees the cache of an answer whose client left, and goes on with the others', async () => {
    const { text } = await served(decoderFiles({}, { eos_token_id: 100_000 }), { cacheBytes: 256 * BYTES_PER_TOKEN });
    const leaving = new AbortController();
    const first = text.completer.begin([1, 2, 3], answerOptions(250), leaving);
    await first.next();
    expect(() => text.completer.begin([1], answerOptions(10), never)).toThrow(/KV cache is full/);
    leaving.abort();
    await vi.waitFor(() => expect(cacheBytes.at(-1)).toBe(0), 20_000);
    expect(await tokensOf(text, [4, 5], 5)).toEqual(await naive(reference, [4, 5], 5));
  });

  it('refuses an answer that would never fit the cache', async () => {
    const { text } = await served(decoderFiles(), { cacheBytes: 128 * BYTES_PER_TOKEN });
    const begin = (): unknown => text.completer.begin([1], answerOptions(200), never);
    expect(begin).toThrow(expect.objectContaining({ code: 'LNMT8249', status: 400 }) as Error);
    expect(begin).toThrow(/may take 32768 bytes of KV cache; there are 16384/);
  });

  it('fails open answers when its process dies, and answers again once it is replaced', async () => {
    const { backend, text } = await served(decoderFiles({}, { eos_token_id: 100_000 }));
    const answer = text.completer.begin([1, 2], answerOptions(250), never);
    await answer.next();
    process.kill(backend.pid ?? 0, 'SIGKILL');
    await expect(
      (async () => {
        while (!(await answer.next()).done);
      })(),
    ).rejects.toThrow(/process ended/);
    await vi.waitFor(() => expect(backend.healthy()).toBe(true), 20_000);
    expect(await tokensOf(text, [1, 2], 5)).toEqual(await naive(reference, [1, 2], 5));
  });

  it('is replaced at once each time that its process dies, as long as it generates in between', async () => {
    const { backend, text } = await served(decoderFiles());
    log.error.mockClear();
    const pauses = (): unknown[] =>
      log.error.mock.calls.map(([fields]) => (fields as { readonly pauseMs?: number }).pauseMs);
    for (let death = 1; death <= 3; death++) {
      await tokensOf(text, [1, 2], 3);
      process.kill(backend.pid ?? 0, 'SIGKILL');
      await vi.waitFor(() => expect(pauses()).toHaveLength(death), 20_000);
      await vi.waitFor(() => expect(backend.healthy()).toBe(true), 20_000);
    }
    expect(pauses()).toEqual([50, 50, 50]);
  });
});

describe('the text of an answer', () => {
  it('ends before a stop text, wherever the pieces are cut', async () => {
    const { text } = await served(decoderFiles({}, { eos_token_id: 100_000 }));
    const ids = await text.completer.prompt('the cat', 'prompt');
    let whole = '';
    for await (const piece of text.completer.begin(ids, answerOptions(60), never)) whole += piece.text;
    const stop = whole.slice(7, 11);
    let short = '';
    const options = { ...answerOptions(60), stops: ['never there', stop] };
    let finish: string | undefined;
    for await (const piece of text.completer.begin(ids, options, never)) {
      short += piece.text;
      finish = piece.finish;
    }
    expect([short, finish]).toEqual([whole.slice(0, whole.indexOf(stop)), 'stop']);
    expect(TRAINED.vocabulary).toBeGreaterThan(258);
  });
});

describe('an encoder in a model host', () => {
  it('is told of at load where its pooling is only assumed', async () => {
    for (const [config, warnings] of [[{ pooling: 'mean' }, 0] as const, [{}, 1] as const]) {
      log.warn.mockClear();
      await served(encoderFiles(config));
      expect(log.warn).toHaveBeenCalledTimes(warnings);
    }
    expect(log.warn.mock.calls[0]?.[1]).toMatch(/mean is assumed; push modules\.json/);
  });

  it('gives each text the embedding that it has alone', async () => {
    const { text } = await served(encoderFiles());
    const texts = ['the cat sat', 'dogs', 'the dog ran on the mat', 'the cat ran'];
    const together = await text.embedder.embed(texts, never);
    for (const [index, each] of texts.entries()) {
      const { vectors } = await text.embedder.embed([each], never);
      vectors[0]?.forEach((value, place) => expect(together.vectors[index]?.[place]).toBeCloseTo(value, 5));
    }
    expect(together.tokens).toBe(5 + 4 + 8 + 5);
    expect(() => text.completer).toThrow(/does not do completions/);
  });
});
